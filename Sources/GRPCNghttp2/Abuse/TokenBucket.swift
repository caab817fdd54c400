/// So many at once, and so many a second in the long run. Zero a second: no limit.
package struct RateLimit: Hashable, Sendable {
  package var perSecond: Int
  package var burst: Int

  package init(perSecond: Int, burst: Int) {
    self.perSecond = perSecond
    self.burst = burst
  }
}

/// Counts against a `RateLimit`; times in nanoseconds of one clock, which the caller reads.
package struct TokenBucket: Hashable, Sendable {
  private let limit: RateLimit
  private var tokens: Double
  private var last: Int64

  package init(_ limit: RateLimit, now: Int64) {
    self.limit = limit
    self.tokens = Double(limit.burst)
    self.last = now
  }

  private var isOff: Bool { self.limit.perSecond <= 0 }

  /// Whether `count` were there, which are taken then.
  package mutating func take(_ count: Int = 1, now: Int64) -> Bool {
    self.refill(now)
    if self.isOff { return true }
    guard self.tokens >= Double(count) else { return false }
    self.tokens -= Double(count)
    return true
  }

  /// Takes `count`, be they there or not: how long until none is missing.
  package mutating func owe(_ count: Int, now: Int64) -> Int64 {
    self.refill(now)
    if self.isOff { return 0 }
    self.tokens -= Double(count)
    return self.wait(for: 0)
  }

  /// Gives back.
  package mutating func earn(_ count: Int) {
    self.tokens = min(Double(self.limit.burst), self.tokens + Double(count))
  }

  /// How long until `count` are there, as of the last use.
  package func wait(for count: Int) -> Int64 {
    let missing = Double(count) - self.tokens
    guard missing > 0, !self.isOff else { return 0 }
    return Int64((missing / Double(self.limit.perSecond) * 1e9).rounded(.up))
  }

  /// Whether forgetting it changes nothing.
  package mutating func isFull(now: Int64) -> Bool {
    self.refill(now)
    return self.isOff || self.tokens >= Double(self.limit.burst)
  }

  private mutating func refill(_ now: Int64) {
    guard now > self.last else { return }
    let gained = Double(now - self.last) / 1e9 * Double(self.limit.perSecond)
    self.tokens = min(Double(self.limit.burst), self.tokens + gained)
    self.last = now
  }
}
