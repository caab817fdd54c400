import Glibc
import JobStore
import Linux

/// One keeper that was executed before there is a job for it, with a network namespace of its own.
///
/// DESIGN: a fresh keeper costs a start the execution of this binary and the making of a network
/// namespace. A spare one has both behind it and waits at a socket for a job's folder, lock and pipe; to
/// it, the end of that socket is the end of this worker, however that came, and it ends as well. It
/// holds nothing of any job, so there is nothing to adopt or clean up after it. Where there is none, or
/// it does not answer, the keeper is started as without it.
final class SpareKeeper: Sendable {
  /// A keeper that waits.
  private final class Waiting: Sendable {
    let keeper: KeeperProcess
    let socket: OwnedDescriptor

    init(_ keeper: KeeperProcess, socket: consuming OwnedDescriptor) {
      self.keeper = keeper
      self.socket = socket
    }
  }

  private struct State: Sendable {
    var waiting: Waiting?
    var isFilling = false
    var isClosed = false
  }

  private let state = Lock(State())

  /// The keeper that will keep the job in `folder`; nil when there is none.
  func take(
    folder: borrowing OwnedDescriptor, lock: borrowing OwnedDescriptor,
    answer: borrowing OwnedDescriptor
  ) -> KeeperProcess? {
    guard let spare = self.state.withLock({ $0.waiting.take() }) else { return nil }
    do throws(SystemError) {
      try SocketPair.send(
        [folder.rawValue, lock.rawValue, answer.rawValue], over: spare.socket)
      return spare.keeper
    } catch {
      Self.end(spare)  // somebody killed it
      return nil
    }
  }

  /// Makes one unless there is one. Blocks.
  func fill(program: CInt) {
    let isWanted = self.state.withLock { state in
      guard !state.isClosed, !state.isFilling, state.waiting == nil else { return false }
      state.isFilling = true
      return true
    }
    guard isWanted else { return }
    let made = try? Self.make(program)  // the next start says what is wrong, if it concerns it
    let unwanted = self.state.withLock { state -> Waiting? in
      state.isFilling = false
      if state.isClosed { return made }
      state.waiting = made
      return nil
    }
    if let unwanted { Self.end(unwanted) }
  }

  /// Ends it, and sees to it that none is made any more. Blocks.
  func close() {
    let waiting = self.state.withLock { state -> Waiting? in
      state.isClosed = true
      return state.waiting.take()
    }
    if let waiting { Self.end(waiting) }
  }

  private static func make(_ program: CInt) throws(SystemError) -> Waiting {
    let sockets = try SocketPair()
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(
      .descriptor(program), arguments: ["worker", "init", "spare"],
      descriptors: [null.rawValue, null.rawValue, null.rawValue, sockets.right.rawValue])
    spawn.newSession = true
    switch try spawn.start() {
    case .started(_, let process):
      return Waiting(KeeperProcess(process), socket: sockets.takeLeft())
    case .failed(_, let errno):
      throw SystemError(call: "exec(worker init)", errno: errno)
    }
  }

  /// It holds no job, so its death hurts nobody.
  private static func end(_ waiting: Waiting) {
    try? waiting.keeper.process.signal(SIGKILL)  // ESRCH: it has ended
    _ = try? waiting.keeper.process.reap(waiting: true)  // our own child: it is there to reap
  }
}
