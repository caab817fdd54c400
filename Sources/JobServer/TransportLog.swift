import GRPCNghttp2
import Linux
import Logging

/// Whether one more line of a kind is to be written, so that strangers cannot fill the log. A value
/// with the time from outside.
struct LinePace {
  struct Line: Hashable {
    /// How many lines like this one were left out before it.
    let withheld: Int
  }

  private static let limit = RateLimit(perSecond: 5, burst: 50)
  private var bucket = TokenBucket(Self.limit, now: 0)
  private var withheld = 0

  mutating func next(now: Int64) -> Line? {
    guard self.bucket.take(now: now) else {
      self.withheld += 1
      return nil
    }
    defer { self.withheld = 0 }
    return Line(withheld: self.withheld)
  }

  /// Whether forgetting it changes nothing.
  mutating func isIdle(now: Int64) -> Bool { self.withheld == 0 && self.bucket.isFull(now: now) }
}

/// A pace for each key, of which strangers may make as many as they like.
final class LinePaces: Sendable {
  private let paces = Lock<[String: LinePace]>([:])
  private let now: @Sendable () -> Int64
  private static let most = 4096

  init(now: @escaping @Sendable () -> Int64 = Clock.monotonic) { self.now = now }

  func next(_ key: String) -> LinePace.Line? {
    let now = self.now()
    return self.paces.withLock { paces in
      if paces.count >= Self.most, paces[key] == nil {
        paces = paces.filter { _, pace in
          var pace = pace
          return !pace.isIdle(now: now)
        }
      }
      // Beyond so many at once all others share one.
      let key = paces.count < Self.most || paces[key] != nil ? key : ""
      return paces[key, default: LinePace()].next(now: now)
    }
  }
}

/// Writes what happens to connections. What strangers can cause as often as they like is told in full
/// while it is rare, and counted beyond that.
final class TransportLog: Sendable {
  private enum Kind: Hashable { case handshake, connection, call, flood, identity, accept }

  private let log: Logger
  private let now: @Sendable () -> Int64
  private let paces = Lock<[Kind: LinePace]>([:])

  init(_ log: Logger, now: @escaping @Sendable () -> Int64 = Clock.monotonic) {
    self.log = log
    self.now = now
  }

  func add(_ event: TransportEvent) {
    switch event {
    case .handshakeRefused(let peer, let reason, _):
      self.write(.handshake, .notice, "connection refused", ["peer": "\(peer)"], reason)
    case .connectionRefused(let peer, _, let reason):
      self.write(.connection, .warning, "connection refused", ["peer": "\(peer)"], reason)
    case .callRefused(let peer, _, _, let reason):
      self.write(.call, .warning, "call refused", ["peer": "\(peer)"], reason)
    case .methodUnknown(let peer, _, let method):
      self.write(.call, .notice, "call refused", ["peer": "\(peer)"], "no method \(method)")
    case .flooded(let peer, _, let name, let reason):
      self.write(
        .flood, .warning, "connection ended", ["peer": "\(peer)", "by": "\(name)"], reason)
    case .identityLost(let peer, let identity, let reason):
      let name = identity.commonName ?? "?"
      self.write(
        .identity, .notice, "connection ended", ["peer": "\(peer)", "by": "\(name)"], reason)
    case .acceptFailed(let reason):
      self.write(.accept, .error, "connections cannot be accepted", [:], reason)
    case .connectionOpened(let peer, let identity):
      self.log.debug(
        "connection opened",
        metadata: ["peer": "\(peer)", "by": "\(identity.commonName ?? "?")"])
    case .connectionClosed(let peer, let reason):
      self.log.debug("connection closed", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
    }
  }

  private func write(
    _ kind: Kind, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata,
    _ reason: String
  ) {
    let now = self.now()
    guard let line = self.paces.withLock({ $0[kind, default: LinePace()].next(now: now) }) else {
      return
    }
    var metadata = metadata
    metadata["reason"] = "\(LineLog.cut(reason))"
    if line.withheld > 0 { metadata["not_told"] = "\(line.withheld)" }
    self.log.log(level: level, message, metadata: metadata)
  }
}
