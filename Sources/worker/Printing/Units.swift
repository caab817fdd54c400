import PKI
import SwiftProtobuf

/// Numbers as people read them.
enum Units {
  /// As `4s`, `12m`, `3h` or `5d`: one unit, rounded down.
  static func age(seconds: Int64) -> String {
    switch max(0, seconds) {
    case let seconds where seconds < 60: "\(seconds)s"
    case let seconds where seconds < 3600: "\(seconds / 60)m"
    case let seconds where seconds < 86_400: "\(seconds / 3600)h"
    case let seconds: "\(seconds / 86_400)d"
    }
  }

  /// As `1.5s`.
  static func seconds(_ duration: Google_Protobuf_Duration) -> String {
    let milliseconds = duration.seconds * 1000 + Int64(duration.nanos) / 1_000_000
    return "\(self.tenths(Double(milliseconds) / 1000, digits: 3))s"
  }

  /// As `64M`, in powers of 1024.
  static func bytes(_ count: Int64) -> String {
    var value = Double(count)
    for unit in ["", "K", "M", "G", "T"] {
      if value < 1024 || unit == "T" { return self.tenths(value, digits: 1) + unit }
      value /= 1024
    }
    return "\(count)"
  }

  /// RFC 3339, seconds.
  static func time(_ timestamp: Google_Protobuf_Timestamp) -> String { rfc3339(timestamp.seconds) }

  /// RFC 3339 with milliseconds.
  static func exactTime(_ timestamp: Google_Protobuf_Timestamp) -> String {
    let milliseconds = String(Int(timestamp.nanos) / 1_000_000)
    let padded = String(repeating: "0", count: 3 - milliseconds.count) + milliseconds
    return "\(rfc3339(timestamp.seconds).dropLast()).\(padded)Z"
  }

  /// A number with at most so many digits behind the point, none of them a trailing zero.
  static func tenths(_ value: Double, digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
  }
}
