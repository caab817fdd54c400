import COpenSSL
import Glibc
import Linux

/// The time certificates are made and judged at, so that a test can stand in any year.
package struct PKIClock: Sendable {
  /// Seconds since 1970-01-01 UTC.
  package let now: @Sendable () -> Int64

  package init(now: @escaping @Sendable () -> Int64) {
    self.now = now
  }

  package static let system = PKIClock { Clock.wall() / 1_000_000_000 }

  /// Always `seconds` since 1970-01-01 UTC.
  package static func fixed(_ seconds: Int64) -> PKIClock {
    PKIClock { seconds }
  }

  /// The system's time moved by `seconds`: negative makes certificates that are old already.
  package static func shifted(by seconds: Int64) -> PKIClock {
    PKIClock { PKIClock.system.now() + seconds }
  }
}

/// Seconds since 1970 as RFC 3339 tells them, as `2026-11-22T17:42:51Z`.
package func rfc3339(_ seconds: Int64) -> String {
  var time = time_t(seconds)
  var parts = tm()
  gmtime_r(&time, &parts)
  func padded(_ number: CInt, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
  let day =
    "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
  return "\(day)T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))Z"
}
