import Linux

/// Bytes, with TLS.
package struct Traffic: Hashable, Sendable {
  package var received: Int64 = 0
  package var sent: Int64 = 0

  package init() {}
}

/// Counts for one loop, and is read from elsewhere: a lock that nobody else holds but for a moment.
final class TrafficCount: Sendable {
  private let state = Lock(Traffic())

  var value: Traffic { self.state.withLock { $0 } }
  func received(_ count: Int) { self.state.withLock { $0.received += Int64(count) } }
  func sent(_ count: Int) { self.state.withLock { $0.sent += Int64(count) } }
}
