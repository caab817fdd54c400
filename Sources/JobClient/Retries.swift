package import GRPCCore
import GRPCNghttp2
import Linux

/// How long, and how often, a call that may be repeated is repeated while the server is away.
package struct Retries: Hashable, Sendable {
  package var firstDelay = Duration.milliseconds(100)
  package var longestDelay = Duration.seconds(3)
  /// From the first failure in a row to giving up: longer than a server takes to be replaced.
  package var patience = Duration.seconds(60)

  package init() {}
}

/// The waits between repetitions: each twice as long as the one before, a little random, so that the
/// clients of a server that comes back do not all come at once.
struct Backoff {
  private let retries: Retries
  private var delay: Duration
  private var waited = Duration.zero
  /// When the first of the failures was, in nanoseconds.
  private var began: Int64?

  init(_ retries: Retries) {
    self.retries = retries
    self.delay = retries.firstDelay
  }

  /// Nothing has failed yet.
  var isFresh: Bool { self.began == nil }

  /// Nil when it is time to give up: attempts that find nobody may take longer than the pauses.
  mutating func next(now: Int64) -> Duration? {
    let began = self.began ?? now
    self.began = began
    guard self.waited < self.retries.patience, .nanoseconds(now - began) < self.retries.patience
    else { return nil }
    let share = Double(Random.bytes(1).first ?? 0) / 255
    let delay = self.delay * (0.75 + share / 2)
    self.waited += delay
    self.delay = min(self.delay * 2, self.retries.longestDelay)
    return delay
  }
}

extension RPCError {
  /// Whether nobody was there, so that the server has seen nothing of the call.
  package var isConnectFailure: Bool { self.cause is ConnectFailure }

  /// Whether the server does not accept our certificate: revoked, expired, of nobody it trusts.
  package var isOfCertificate: Bool { (self.cause as? ConnectFailure)?.isOfCertificate ?? false }
}
