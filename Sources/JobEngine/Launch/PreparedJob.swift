import Glibc
import JobStore
import Linux

/// A job's folder, cgroups, keeper and PID 1, made before anybody asks for a job.
///
/// DESIGN: most of a start is the same for every job of the usual kind: the program of keeper and PID 1
/// executed, namespaces, mounts, folders and cgroups made. One job is kept ready to that point; a start
/// then sets the limits, writes what was asked, and PID 1 executes the program. Nobody sees it before:
/// without a spec in its folder it is no job, and a worker that finds such a folder clears it away. Its
/// keeper ends with this worker, however that ends. A job that it does not fit, as one with another
/// root, is started without.
final class PreparedJob: Sendable {
  let id: JobID
  let place: JobPlace
  /// What has been done; of the target it says nothing true.
  let plan: LaunchPlan
  /// Of the host as it was; a job sees it as it is when it starts.
  let view: HostView
  let keeper: KeeperProcess
  private let socket: OwnedDescriptor

  init(
    id: JobID, place: JobPlace, plan: LaunchPlan, view: HostView, keeper: KeeperProcess,
    socket: consuming OwnedDescriptor
  ) {
    self.id = id
    self.place = place
    self.plan = plan
    self.view = view
    self.keeper = keeper
    self.socket = socket
  }

  /// Waits for PID 1 to be set up; false when it is not, in that time or until `closing` is signalled.
  func isReady(withinMilliseconds time: Int64, until closing: borrowing EventDescriptor) -> Bool {
    var entries = [self.socket.rawValue, closing.descriptor.rawValue].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    var byte: [UInt8] = [0]
    guard (try? Poll.wait(&entries, milliseconds: time)) != nil, entries[0].revents != 0,
      case .bytes? = try? File.read(self.socket, into: &byte, at: 0, count: 1)
    else { return false }
    return true
  }

  /// Whether `plan` can be had from it.
  func fits(_ plan: LaunchPlan, _ mounts: [MountInfo]) -> Bool {
    var entries = [pollfd(fd: self.keeper.descriptor, events: Int16(POLLIN), revents: 0)]
    guard (try? Poll.wait(&entries, milliseconds: 0)) != nil, entries[0].revents == 0
    else { return false }  // somebody killed it
    return self.view == HostView(mounts, self.plan.mounts) && self.plan.canBecome(plan)
  }

  /// Lets the keeper go on with the plan that is in the folder now; it answers through `answer`.
  func start(answer: borrowing OwnedDescriptor) throws(SystemError) {
    try SocketPair.send([answer.rawValue], over: self.socket)
  }

  /// Ends it and removes all of it. Blocks.
  func discard(in state: StateDirectory) {
    self.end()
    Remains.discard(self.id, in: state)
  }

  /// Ends the keeper; PID 1 dies with it.
  func end() {
    try? self.keeper.process.signal(SIGKILL)  // ESRCH: it has ended
    _ = try? self.keeper.process.reap(waiting: true)  // our own child: it is there to reap, or was
  }
}
