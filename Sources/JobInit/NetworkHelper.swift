// DESIGN. A job's way out into the network, for `--net nat`:
//
//   keeper ──▶ guard (`init network`, root, PID 1 of a PID namespace of its own) ──▶ pasta
//
// The job's network namespace belongs to a user namespace with one user, unprivileged outside. pasta is
// root in there: it may configure that network, opens sockets in the host's as nobody special, and
// confines itself further (an empty root, seccomp). The guard is there to die: with the keeper, by
// PR_SET_PDEATHSIG, and the kernel then kills all in its PID namespace, so no helper can be left. Both
// are in the job's cgroup: what they take is the job's, and pausing the job pauses them.
//
// The guard gets 1 and 2 a pipe for complaints, 3 a pipe that the keeper holds the other end of, 4 the
// pipe for one byte when the network is ready, 5 the user namespace, 6 the network namespace.
import Glibc
import JobStore
import Linux

/// What carries a job's connections out, as its keeper holds it.
final class NetworkHelper {
  private let guardian: PIDFD
  /// Its other end tells the guard whether the keeper is there still.
  private let lifeline: OwnedDescriptor

  private init(_ guardian: consuming PIDFD, lifeline: consuming OwnedDescriptor) {
    self.guardian = guardian
    self.lifeline = lifeline
  }

  /// Returns when the network works; this process is in it then, and so will its children be.
  static func start(
    _ outgoing: OutgoingNetwork, _ plan: LaunchPlan
  ) throws(InitFailure) -> NetworkHelper {
    do throws(SystemError) {
      let network = try OwnedNetwork.make(id: outgoing.user, proc: try File.openFolder("/proc"))
      let helper = try self.start(outgoing, plan, network)
      do throws(SystemError) {
        try network.enter()
        try NetworkFence.raise()
      } catch {
        helper.end()
        throw error
      }
      return helper
    } catch {
      throw InitFailure(step: "network", error)
    }
  }

  private static func start(
    _ outgoing: OutgoingNetwork, _ plan: LaunchPlan, _ network: borrowing OwnedNetwork
  ) throws(SystemError) -> NetworkHelper {
    let complaints = try Pipe()
    let lifeline = try Pipe()
    let answer = try Pipe()
    let null = try File.open("/dev/null", O_RDWR)
    let guardian = try self.spawn(
      outgoing, plan,
      [
        null.rawValue, complaints.writeEnd.rawValue, complaints.writeEnd.rawValue,
        lifeline.readEnd.rawValue, answer.writeEnd.rawValue, network.user.rawValue,
        network.network.rawValue,
      ])
    let helper = NetworkHelper(guardian, lifeline: lifeline.takeWriteEnd())
    guard try self.isReady(answer.takeReadEnd()) else {
      helper.end()
      throw SystemError(call: self.complaint(complaints.takeReadEnd(), outgoing), errno: EIO)
    }
    return helper
  }

  private static func spawn(
    _ outgoing: OutgoingNetwork, _ plan: LaunchPlan, _ descriptors: [CInt]
  ) throws(SystemError) -> PIDFD {
    let program = try File.open("/proc/self/exe", OpenFlags.path)
    let cgroup = try plan.cgroup2.map { path throws(SystemError) in
      try File.openFolder(path).release()
    }
    defer { if let cgroup { close(cgroup) } }
    let attach = try Birth.openTasks(plan)
    defer { for descriptor in attach { close(descriptor) } }
    var spawn = Spawn(
      .descriptor(program.rawValue), arguments: ["worker", "init", "network", outgoing.program],
      descriptors: descriptors)
    spawn.namespaces = Namespace.pid.cloneFlag | Namespace.mount.cloneFlag
    spawn.cgroup = cgroup ?? -1
    spawn.attach = attach
    switch try spawn.start() {
    case .started(_, let process): return process
    case .failed(_, let errno): throw SystemError(call: "exec(worker init)", errno: errno)
    }
  }

  /// A bound, not a wait: the helper either says that it is ready or ends.
  private static let patience: Int64 = 30_000

  private static func isReady(_ answer: consuming OwnedDescriptor) throws(SystemError) -> Bool {
    var entries = [pollfd(fd: answer.rawValue, events: Int16(POLLIN), revents: 0)]
    try Poll.wait(&entries, milliseconds: self.patience)
    guard entries[0].revents & Int16(POLLIN) != 0 else { return false }
    var buffer: [UInt8] = [0]
    guard case .bytes(1) = try File.read(answer, into: &buffer, at: 0, count: 1) else {
      return false
    }
    return true
  }

  /// What the helper said last, which is what it ended with.
  private static func complaint(
    _ pipe: consuming OwnedDescriptor, _ outgoing: OutgoingNetwork
  ) -> String {
    try? pipe.setNonBlocking()  // the guard is dead: nobody holds the other end
    var buffer = [UInt8](repeating: 0, count: 4096)
    var text = ""
    if case .bytes(let count)? = try? File.read(pipe, into: &buffer, at: 0, count: buffer.count) {
      text = String(decoding: buffer[..<count], as: UTF8.self)
    }
    let lines = text.split(separator: "\n").filter { !$0.hasSuffix(" to syslog") }
    // The answer to the engine is one write of less than PIPE_BUF bytes.
    let last = lines.last.map { String($0.prefix(300)) } ?? "it said nothing"
    return "\(outgoing.program) (\(last))"
  }

  /// Ends it and all it has started; does nothing when it has ended. To be called once.
  func end() {
    try? self.guardian.signal(SIGKILL)
    _ = try? self.guardian.reap(waiting: true)  // our own child: it is there to reap
  }
}
