import Testing

@testable import worker

/// Option values from text.
@Suite struct ValueTests {
  @Test(
    arguments: [
      ("0", 0), ("512", 512), ("1K", 1024), ("256M", 256 << 20), ("1G", 1 << 30),
      ("1.5G", 3 << 29), ("0.5K", 512), ("9223372036854775807", Int64.max),
    ] as [(String, Int64)])
  func sizes(text: String, bytes: Int64) throws {
    #expect(try Values.size(text) == bytes)
  }

  @Test(arguments: [
    "", "K", "-1", "+1", "1k", "1KB", "1 M", " 1", "1e3", "0x10", "nan", "inf", "1.2.3", ".5",
    "1.5",
    "9223372036854775808", "9999999999G", "256Q", "١",
  ])
  func whatIsNoSize(_ text: String) {
    #expect(throws: ValueError.self) { try Values.size(text) }
  }

  @Test(
    arguments: [
      ("0s", .zero), ("500ms", .milliseconds(500)), ("30s", .seconds(30)), ("1.5m", .seconds(90)),
      ("2h", .seconds(7200)), ("7d", .seconds(604_800)), ("0.001s", .milliseconds(1)),
    ] as [(String, Duration)])
  func durations(text: String, duration: Duration) throws {
    #expect(try Values.duration(text) == duration)
  }

  @Test(arguments: ["", "5", "s", "-1s", "1w", "1 s", "1e3s", "nans", "1h30m", "99999999999h"])
  func whatIsNoDuration(_ text: String) {
    #expect(throws: ValueError.self) { try Values.duration(text) }
  }

  @Test(arguments: [("TERM", "TERM"), ("sigint", "INT"), ("9", "KILL"), ("64", "64")])
  func signals(text: String, name: String) throws {
    #expect(try Values.signal(text) == name)
  }

  @Test func momentsAreTimesOrSoLongAgo() throws {
    #expect(try Moment.parse("1970-01-01T00:00:01.5Z").resolve(now: 0) == 1_500_000_000)
    #expect(try Moment.parse("1970-01-01T01:00:00+01:00").resolve(now: 0) == 0)
    #expect(try Moment.parse("10s").resolve(now: 60_000_000_000) == 50_000_000_000)
    #expect(throws: ValueError.self) { try Moment.parse("1970-01-01") }
  }

  /// Nanoseconds since 1970 have to fit into 64 bits.
  @Test(arguments: [
    "0001-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "1677-09-21T00:12:42Z", "2262-04-11T23:47:17Z",
    "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
  ])
  func aTimeBeyondTheClockIsRefusedWithTheSpan(_ text: String) {
    let error = #expect(throws: ValueError.self) { try Moment.parse(text) }
    #expect(error?.description.contains("from 1678-01-01 to 2262-04-11") == true)
  }

  @Test(
    arguments: [
      ("1678-01-01T00:00:00Z", -9_214_560_000_000_000_000),
      ("2262-04-11T23:47:16Z", 9_223_372_036_000_000_000),
    ] as [(String, Int64)])
  func theFirstAndTheLastTimeAreTaken(text: String, nanoseconds: Int64) throws {
    #expect(try Moment.parse(text).resolve(now: 0) == nanoseconds)
  }
}
