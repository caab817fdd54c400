import SwiftProtobuf

/// A point in time: given as such, or as so long ago.
enum Moment: Hashable, Sendable {
  case time(Int64)
  case ago(Duration)

  static func parse(_ text: String) throws -> Moment {
    if let ago = try? Values.duration(text) { return .ago(ago) }
    guard let time = try? Google_Protobuf_Timestamp(jsonString: "\"\(text)\"") else {
      throw ValueError(
        description: "give a time as 2026-01-31T12:00:00Z, or so long ago as 10m")
    }
    return .time(time.seconds * 1_000_000_000 + Int64(time.nanos))
  }

  /// Nanoseconds since 1970.
  func resolve(now: Int64) -> Int64 {
    switch self {
    case .time(let time): return time
    case .ago(let duration):
      let (seconds, attoseconds) = duration.components
      return now - seconds * 1_000_000_000 - attoseconds / 1_000_000_000
    }
  }
}
