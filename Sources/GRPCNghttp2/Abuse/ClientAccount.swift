import Linux

/// What one identity uses of a server, over all its connections. A value with the time from outside.
struct AccountState {
  let name: String
  private let limits: TransportLimits
  private(set) var connections = 0
  private(set) var calls = 0
  /// Bytes of requests that are not complete, and of answers that are not sent.
  private var incomplete = 0
  private var answers = 0
  private var starts: TokenBucket
  private var bytes: TokenBucket
  private var blockedUntil: Int64 = .min

  init(name: String, _ limits: TransportLimits, now: Int64) {
    self.name = name
    self.limits = limits
    self.starts = TokenBucket(limits.callsPerIdentity, now: now)
    self.bytes = TokenBucket(limits.bytesPerIdentity, now: now)
  }

  /// Nil when a connection may stay, which counts then; or why not, for the client.
  mutating func connect(now: Int64) -> String? {
    if now < self.blockedUntil {
      let seconds = (self.blockedUntil - now + 999_999_999) / 1_000_000_000
      return "\(self.name) flooded this server: connect again in \(seconds) s"
    }
    let limit = self.limits.connectionsPerIdentity
    guard limit <= 0 || self.connections < limit else {
      return "\(self.name) has \(limit) connections, which is the limit: end some"
    }
    self.connections += 1
    return nil
  }

  mutating func disconnect() { self.connections -= 1 }

  /// Nil when a call may begin, which counts then; or why not, for the client.
  mutating func begin(now: Int64) -> String? {
    let limit = self.limits.openCallsPerIdentity
    guard limit <= 0 || self.calls < limit else {
      return "\(self.name) has \(limit) open calls, which is the limit: end some"
    }
    guard self.starts.take(now: now) else {
      let wait = max(1, self.starts.wait(for: 1) / 1_000_000)
      return "\(self.name) may begin \(self.limits.callsPerIdentity.perSecond) calls a second: "
        + "try again in \(wait) ms"
    }
    self.calls += 1
    return nil
  }

  mutating func end() { self.calls -= 1 }

  /// So many more bytes of requests that are not complete, or fewer. Why that is too many, for the client.
  mutating func hold(_ change: Int) -> String? {
    self.incomplete += change
    let limit = self.limits.incompletePerIdentity
    guard change > 0, limit > 0, self.incomplete > limit else { return nil }
    return "\(self.name) has \(limit) bytes of requests that are not complete, which is the limit: "
      + "end some"
  }

  /// So many more bytes of answers that are not sent, or fewer.
  mutating func queue(_ change: Int) { self.answers += change }

  /// Nil when a call may answer more; or why not, for the client.
  var answerRefusal: String? {
    let limit = self.limits.answersPerIdentity
    guard limit > 0, self.answers > limit else { return nil }
    return "\(self.name) has \(limit) bytes of answers that are not read, which is the limit: read "
      + "them, or end some calls"
  }

  /// Whether the answers of each call should be few.
  var isCrowded: Bool {
    let limit = self.limits.answersPerIdentity
    return limit > 0 && self.answers > limit / 8
  }

  /// Bytes have come: for how long no more is to be read.
  mutating func received(_ count: Int, now: Int64) -> Int64 { self.bytes.owe(count, now: now) }

  mutating func block(now: Int64) {
    self.blockedUntil = now + self.limits.floodPenalty.nanoseconds
  }

  /// Whether forgetting it changes nothing.
  mutating func isIdle(now: Int64) -> Bool {
    self.connections == 0 && self.calls == 0 && now >= self.blockedUntil
      && self.starts.isFull(now: now) && self.bytes.isFull(now: now)
  }
}

/// An `AccountState` that the connections of all loops share.
final class ClientAccount: Sendable {
  let name: String
  private let state: Lock<AccountState>

  init(_ state: AccountState) {
    self.name = state.name
    self.state = Lock(state)
  }

  func connect(now: Int64) -> String? { self.state.withLock { $0.connect(now: now) } }
  func disconnect() { self.state.withLock { $0.disconnect() } }
  func begin(now: Int64) -> String? { self.state.withLock { $0.begin(now: now) } }
  func end() { self.state.withLock { $0.end() } }
  func hold(_ change: Int) -> String? { self.state.withLock { $0.hold(change) } }
  func queue(_ change: Int) { self.state.withLock { $0.queue(change) } }
  var answerRefusal: String? { self.state.withLock { $0.answerRefusal } }
  var isCrowded: Bool { self.state.withLock { $0.isCrowded } }
  func received(_ count: Int, now: Int64) -> Int64 {
    self.state.withLock { $0.received(count, now: now) }
  }
  func block(now: Int64) { self.state.withLock { $0.block(now: now) } }
  func isIdle(now: Int64) -> Bool { self.state.withLock { $0.isIdle(now: now) } }
}

/// The accounts of those that were here, by identity.
struct AccountTable {
  private let limits: TransportLimits
  private var accounts: [String: ClientAccount] = [:]
  private static let mostAccounts = 4096

  init(_ limits: TransportLimits) { self.limits = limits }

  mutating func account(_ identity: PeerIdentity, now: Int64) -> ClientAccount {
    let key = identity.uris.first ?? identity.fingerprint
    if let account = self.accounts[key] { return account }
    if self.accounts.count >= Self.mostAccounts {
      self.accounts = self.accounts.filter { !$1.isIdle(now: now) }
    }
    let name = identity.commonName.map { "'\($0)'" } ?? "this client"
    let account = ClientAccount(AccountState(name: name, self.limits, now: now))
    self.accounts[key] = account
    return account
  }
}
