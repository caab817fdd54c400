import GRPCCore
package import GRPCNghttp2
import Linux
package import Logging

/// Holds each caller to so many starts a second: a start costs a server more than any other call.
///
/// A part of `Gate` and no interceptor behind it: between two interceptors GRPCCore makes every error
/// that is no `RPCError` an UNKNOWN without a message.
package struct StartPace: Sendable {
  private let limit: RateLimit
  private let log: Logger
  private let now: @Sendable () -> Int64
  private let state = Lock(StartPaceState())

  package init(
    _ limit: RateLimit, log: Logger, now: @escaping @Sendable () -> Int64 = Clock.monotonic
  ) {
    self.limit = limit
    self.log = log
    self.now = now
  }

  /// Whether `name` may start one more job now.
  func take(_ name: String) throws(RPCError) {
    let now = self.now()
    let (wait, line) = self.state.withLock { $0.take(name, self.limit, now: now) }
    guard let wait else { return }
    if let line {
      self.log.warning(
        "starts refused: too many a second",
        metadata: ["by": "\(name)", "not_told": "\(line.withheld)"])
    }
    throw RPCError(
      code: .resourceExhausted,
      message: "\(name) may start or plan \(self.limit.perSecond) jobs a second: try again in "
        + "\(max(1, wait / 1_000_000)) ms")
  }
}

/// The callers that have started something lately.
private struct StartPaceState {
  private var buckets: [String: TokenBucket] = [:]
  private var lines = LinePace()
  private static let mostBuckets = 4096

  /// Nil when `name` may start; or how long it has to wait, and whether that is to be logged.
  mutating func take(
    _ name: String, _ limit: RateLimit, now: Int64
  ) -> (wait: Int64?, line: LinePace.Line?) {
    if self.buckets.count >= Self.mostBuckets { self.forget(now) }
    var bucket = self.buckets[name] ?? TokenBucket(limit, now: now)
    defer { self.buckets[name] = bucket }
    if bucket.take(now: now) { return (nil, nil) }
    return (bucket.wait(for: 1), self.lines.next(now: now))
  }

  private mutating func forget(_ now: Int64) {
    self.buckets = self.buckets.filter { _, bucket in
      var bucket = bucket
      return !bucket.isFull(now: now)
    }
  }
}
