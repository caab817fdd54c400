import Glibc
import Linux

/// stdout or stderr, written to the last byte however long the reader takes.
struct StandardStream: Hashable, Sendable {
  static let stdout = StandardStream(number: STDOUT_FILENO, name: "stdout")
  static let stderr = StandardStream(number: STDERR_FILENO, name: "stderr")

  private let number: CInt
  private let name: String

  func write(_ text: String) throws(Failure) {
    try self.write(Array(text.utf8))
  }

  /// Blocks until all is written: not for the event loop when it may be much.
  func write(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(self.number, rest, rest.count)
      if count == rest.count { return }
      if count >= 0 {
        rest.removeFirst(count)
      } else if errno == EAGAIN {
        try self.waitForRoom()  // somebody made the descriptor that we share non-blocking
      } else if errno != EINTR {
        throw self.failure(errno)
      }
    }
  }

  private func waitForRoom() throws(Failure) {
    var entries = [pollfd(fd: self.number, events: Int16(POLLOUT), revents: 0)]
    do throws(SystemError) { try Poll.wait(&entries) } catch { throw self.failure(error.errno) }
  }

  private func failure(_ errno: CInt) -> Failure {
    Failure("cannot write to \(self.name): \(SystemError.reason(errno: errno))")
  }

  var isTerminal: Bool { isatty(self.number) == 1 }

  /// Whether colour is welcome: on a terminal, and nobody said no (https://no-color.org).
  var hasColour: Bool {
    guard self.isTerminal, Environment.process["NO_COLOR"] == nil else { return false }
    return Environment.process["TERM"] != "dumb"
  }
}
