import Glibc
import JobStore
import Linux

/// PID 1 of a job to come, and the socket at which it waits for the job's plan.
struct BirthAhead: ~Copyable {
  let birth: Birth
  private let socket: OwnedDescriptor

  static func clone(_ plan: LaunchPlan, hasNetwork: Bool) throws(InitFailure) -> BirthAhead {
    do throws(SystemError) {
      let sockets = try SocketPair()
      let birth = try Birth.make(
        plan, role: "pid1-ahead", input: sockets.right, hasNetwork: hasNetwork)
      let socket = sockets.takeLeft()
      try self.send(plan, over: socket)
      return BirthAhead(birth: birth, socket: socket)
    } catch {
      throw InitFailure(step: "clone", error)
    }
  }

  func waitUntilReady() throws(InitFailure) {
    do throws(SystemError) { try Handshake.wait(self.socket) } catch {
      throw InitFailure(step: "init", error)
    }
  }

  /// Lets it go on with the job.
  consuming func take(_ plan: LaunchPlan) throws(InitFailure) -> Birth {
    do throws(SystemError) {
      try self.birth.giveOutput(to: plan.hostUser)
      try Self.send(plan, over: self.socket)
    } catch {
      throw InitFailure(step: "init", error)
    }
    return self.birth
  }

  private static func send(
    _ plan: LaunchPlan, over socket: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let memory = try SealedMemory.make(name: "plan", plan.encoded())
    try SocketPair.send([memory.rawValue], over: socket)
  }
}

/// One byte that says: I am ready.
enum Handshake {
  static func tell(_ socket: borrowing OwnedDescriptor) {
    try? File.writeAll([1], to: socket)  // fails only when the other is gone, and nobody waits
  }

  /// EPIPE when the other end is closed instead.
  static func wait(_ socket: borrowing OwnedDescriptor) throws(SystemError) {
    var buffer: [UInt8] = [0]
    guard case .bytes = try File.read(socket, into: &buffer, at: 0, count: 1) else {
      throw SystemError(call: "read(ready)", errno: EPIPE)
    }
  }
}
