package import Linux

/// A step of a start that failed.
package struct InitFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was done, as `exec`, `chdir`, `mount`.
  package var step: String
  /// What it was done to, as `/no/such`.
  package var what: String
  package var errno: Int32

  package init(step: String, what: String, errno: Int32) {
    self.step = step
    self.what = what
    self.errno = errno
  }

  package init(step: String, _ error: SystemError) {
    self.init(step: step, what: error.call, errno: error.errno)
  }

  /// As `exec /no/such: No such file or directory`.
  package var description: String {
    "\(self.step) \(self.what): \(SystemError.reason(errno: self.errno))"
  }
}

/// What PID 1 tells its keeper, and the keeper the engine, through a pipe.
///
/// Each message is one write(2) of at most PIPE_BUF bytes: length of the whole (2 bytes, little
/// endian), kind (1), zero (1), a number (4), then text.
package enum InitMessage: Hashable, Sendable {
  /// The program was executed; to the engine with the pid of PID 1 as the host sees it.
  case started(pid: Int32)
  /// A step failed; nothing of the job is left.
  case failed(InitFailure)
  /// The target has ended (from PID 1 only).
  case ended(ProcessEnd)

  private static let headerSize = 8
  private static let maxText = 2000

  package func encoded() -> [UInt8] {
    switch self {
    case .started(let pid): Self.encode(1, pid)
    case .failed(let failure):
      Self.encode(2, failure.errno, Array(failure.step.utf8) + [0] + Array(failure.what.utf8))
    case .ended(.exited(let code)): Self.encode(3, code)
    case .ended(.signaled(let number)): Self.encode(4, number)
    }
  }

  /// Takes the first message off `buffer`; nil when there is no whole one.
  package static func take(from buffer: inout [UInt8]) -> InitMessage? {
    while buffer.count >= Self.headerSize {
      let size = Int(buffer.load(at: 0) as UInt16)
      guard size >= Self.headerSize, buffer.count >= size else { return nil }
      let message = self.decode(
        kind: buffer[2], number: buffer.load(at: 4), text: Array(buffer[Self.headerSize..<size]))
      buffer.removeFirst(size)
      if let message { return message }
    }
    return nil
  }

  private static func encode(_ kind: UInt8, _ number: Int32, _ text: [UInt8] = []) -> [UInt8] {
    let text = text.prefix(Self.maxText)
    var bytes = [UInt8](repeating: 0, count: Self.headerSize)
    bytes.store(UInt16(Self.headerSize + text.count), at: 0)
    bytes[2] = kind
    bytes.store(number, at: 4)
    return bytes + text
  }

  private static func decode(kind: UInt8, number: Int32, text: [UInt8]) -> InitMessage? {
    switch kind {
    case 1: return .started(pid: number)
    case 2:
      let parts = text.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      return .failed(
        InitFailure(step: parts.first ?? "", what: parts.dropFirst().first ?? "", errno: number))
    case 3: return .ended(.exited(code: number))
    case 4: return .ended(.signaled(number: number))
    default: return nil
    }
  }
}
