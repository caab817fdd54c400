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
    let (whole, overflow) = time.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(Int64(time.nanos))
    guard !overflow, !carry else {
      throw ValueError(
        description: "give a time from 1678-01-01 to 2262-04-11, or so long ago as 10m")
    }
    return .time(sum)
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
