/// Decides when to ask whether the peer still lives; times in nanoseconds of one clock.
struct Keepalive {
  enum Action: Hashable {
    /// Look again after so long.
    case wait(Int64)
    /// Send a PING and look again after so long.
    case ping(Int64)
    case dead
    /// Never look again: it is turned off.
    case off
  }

  private let interval: Int64
  private let timeout: Int64
  private var lastReceived: Int64
  private var pinged: Int64?

  init(interval: Int64, timeout: Int64, now: Int64) {
    self.interval = interval
    self.timeout = timeout
    self.lastReceived = now
  }

  mutating func received(now: Int64) {
    self.lastReceived = now
    self.pinged = nil
  }

  /// An interval or a timeout of nothing turns it off.
  private var isOff: Bool { self.interval <= 0 || self.timeout <= 0 }

  /// `mayPing`: whether a PING is welcome at all, as it is not on an idle client connection.
  mutating func check(now: Int64, mayPing: Bool) -> Action {
    if self.isOff { return .off }
    if let pinged = self.pinged {
      let left = pinged + self.timeout - now
      return left > 0 ? .wait(left) : .dead
    }
    let left = self.lastReceived + self.interval - now
    if left > 0 { return .wait(left) }
    guard mayPing else { return .wait(self.interval) }
    self.pinged = now
    return .ping(self.timeout)
  }
}
