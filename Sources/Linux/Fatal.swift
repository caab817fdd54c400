import Glibc

/// The end of a process that cannot go on, where nobody is left to throw to.
package enum Fatal {
  /// Says why in one line, as a command does that fails, and ends the process at once with its code.
  package static func end(_ reason: String) -> Never {
    let line = Array("worker: \(reason)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, line, line.count)  // there is nobody else to tell
    _exit(125)
  }
}
