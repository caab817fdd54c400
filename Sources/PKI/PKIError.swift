import COpenSSL

/// What of the certificates' work failed, on which file, and what to do about it.
package struct PKIError: Error, Hashable, CustomStringConvertible {
  /// What was tried, as `create` or `role "a/b"`.
  package let what: String
  /// The file it was tried on; empty when it is about a value.
  package let path: String
  package let reason: String

  package init(what: String, path: String = "", reason: String) {
    self.what = what
    self.path = path
    self.reason = reason
  }

  package var description: String {
    self.path.isEmpty ? "\(self.what): \(self.reason)" : "\(self.what) \(self.path): \(self.reason)"
  }
}

extension PKIError {
  /// With the newest reason of OpenSSL's error queue, which is emptied: what stays in it would be
  /// taken for the reason of a later failure of this thread.
  static func openSSL(_ what: String, path: String = "") -> PKIError {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else {
      return PKIError(what: what, path: path, reason: "OpenSSL gave no reason")
    }
    return PKIError(what: what, path: path, reason: String(cString: text))
  }
}

/// A pointer from OpenSSL, whose functions answer NULL on failure.
func require<Pointer>(
  _ what: @autoclosure () -> String, path: @autoclosure () -> String = "", _ pointer: Pointer?
) throws(PKIError) -> Pointer {
  guard let pointer else { throw .openSSL(what(), path: path()) }
  return pointer
}

/// A result of OpenSSL, whose functions answer 0 or less on failure.
func require(
  _ what: @autoclosure () -> String, path: @autoclosure () -> String = "", _ result: CInt
) throws(PKIError) {
  guard result > 0 else { throw .openSSL(what(), path: path()) }
}
