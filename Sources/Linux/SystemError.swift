import CLinux
import Glibc

/// A failed system call: which one, on what, and why.
package struct SystemError: Error, Hashable, CustomStringConvertible {
  /// What was tried, as `open(/no/such)`.
  package let call: String
  /// The error number of errno(3).
  package let errno: CInt

  package init(call: String, errno: CInt) {
    self.call = call
    self.errno = errno
  }

  /// The text of strerror(3) in the C locale, as `No such file or directory`.
  package var reason: String { Self.reason(errno: self.errno) }

  package var description: String { "\(self.call): \(self.reason)" }

  package static func reason(errno: CInt) -> String {
    guard let text = clinux_error_text(errno) else { return "error \(errno)" }
    return String(cString: text)
  }

  /// The symbolic name, as `ENOENT`.
  package static func name(errno: CInt) -> String {
    guard let text = clinux_error_name(errno) else { return "\(errno)" }
    return String(cString: text)
  }
}

/// Runs a system call again while it is interrupted, and turns -1 into a `SystemError`.
@discardableResult
package func check<Result: SignedInteger>(
  _ call: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = Glibc.errno
    if code == EINTR { continue }
    throw SystemError(call: call(), errno: code)
  }
}
