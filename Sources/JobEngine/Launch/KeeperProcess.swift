import Glibc
import JobStore
import Linux

/// A keeper as the engine holds it.
final class KeeperProcess: Waitable {
  let process: PIDFD

  init(_ process: consuming PIDFD) {
    self.process = process
  }

  var descriptor: CInt { self.process.descriptor.rawValue }

  /// Takes the status of a keeper that has ended. One that an earlier worker started is no child of
  /// ours (ECHILD), and is reaped by others: nil.
  @discardableResult
  func reap() -> ProcessEnd? {
    try? self.process.reap(waiting: false)
  }
}

/// A start under way: the keeper was executed and will say how it went.
final class Launch: Waitable {
  let keeper: KeeperProcess
  private let answer: OwnedDescriptor

  init(keeper: KeeperProcess, answer: consuming OwnedDescriptor) {
    self.keeper = keeper
    self.answer = answer
  }

  var descriptor: CInt { self.answer.rawValue }

  /// The keeper's one message; nil when it ended without any. To be called once it is ready.
  func message() -> InitMessage? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // One message is one write of less than PIPE_BUF bytes, so one read has it whole.
    guard
      case .bytes(let count)? = try? File.read(
        self.answer, into: &buffer, at: 0, count: buffer.count)
    else { return nil }
    buffer.removeLast(buffer.count - count)
    return InitMessage.take(from: &buffer)
  }
}
