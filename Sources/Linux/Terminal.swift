import Glibc

/// The terminal behind stdin and stdout, see termios(3) and ioctl_tty(2).
package enum Terminal {
  package static var isInput: Bool { isatty(STDIN_FILENO) == 1 }
  package static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Rows and columns; nil when stdout is no terminal or does not know.
  package static var size: (rows: Int, columns: Int)? {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0
    else { return nil }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  /// Keys one by one and unseen, instead of lines.
  package struct KeyMode: Sendable {
    private let before: termios

    /// Nil when stdin is no terminal.
    package init?() {
      var mode = termios()
      guard tcgetattr(STDIN_FILENO, &mode) == 0 else { return nil }
      self.before = mode
      mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
      tcsetattr(STDIN_FILENO, TCSANOW, &mode)
    }

    package func restore() {
      var mode = self.before
      tcsetattr(STDIN_FILENO, TCSANOW, &mode)
    }
  }

  /// The next key; nil at the end. Blocks.
  package static func key() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = Glibc.read(STDIN_FILENO, &byte, 1)
      if count == 1 { return byte }
      if count == -1, errno == EINTR { continue }
      return nil
    }
  }
}
