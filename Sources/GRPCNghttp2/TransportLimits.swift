/// What a peer may cost. Every limit has a default that suits a server with thousands of clients.
package struct TransportLimits: Hashable, Sendable {
  /// Open connections a server takes, of clients that have shown who they are; further ones are closed
  /// at once. It takes fewer where RLIMIT_NOFILE is low: see `ServerState.Capacity`.
  package var connections = 4096
  /// Connections whose peers have not shown who they are; the oldest makes room for a new one.
  package var handshakes = 256
  /// Open streams (calls) a connection, as SETTINGS_MAX_CONCURRENT_STREAMS.
  package var streamsPerConnection = 1000
  /// Bytes of one message, in and out: more is RESOURCE_EXHAUSTED.
  package var messageSize = 4 << 20
  /// Bytes of a message that a client sends, by the path `/SERVICE/METHOD`, where less will do.
  package var requestSizes: [String: Int] = [:]
  /// Bytes of the fields of one request or answer, counted as in RFC 9113 6.5.2.
  package var headerListSize = 16 << 10
  /// From accept (or connect) to the end of the TLS handshake.
  package var handshakeTimeout = Duration.seconds(10)
  /// How long a connection may be without a call; nil is for ever.
  package var idleTimeout: Duration?
  /// When nothing was received for so long, a PING is sent; zero: never.
  package var keepaliveInterval = Duration.seconds(15)
  /// When nothing is received for so long after that PING, the peer is dead.
  package var keepaliveTimeout = Duration.seconds(15)
  /// TCP_USER_TIMEOUT of tcp(7): sent bytes may stay unacknowledged for so long.
  package var tcpUserTimeout = Duration.seconds(30)
  /// Resets of streams that a client may send in a burst, and a second in the long run.
  package var resetBurst = 1000
  package var resetsPerSecond = 100
  /// Received bytes that a call's reader may leave unread before its sender must wait.
  package var streamWindow = 1 << 20
  /// The same for all calls of a connection together; see `unreadPerConnection`.
  package var connectionWindow = 2 << 20
  /// Unread bytes of a connection up to which a slow reader holds up nobody but itself.
  package var unreadPerConnection = 64 << 20
  /// Bytes of requests that are not complete (see `RequestBody`), of all calls of a connection: a call
  /// that needs more is RESOURCE_EXHAUSTED.
  package var incompletePerConnection = 64 << 20

  // What one address, and one identity, may use of a server; zero is no limit.

  /// Open connections, known and unknown, of one IPv4 address or IPv6 network of 64 bits.
  package var connectionsPerAddress = 1024
  /// Connections that one address begins.
  package var handshakesPerAddress = RateLimit(perSecond: 100, burst: 1000)
  package var connectionsPerIdentity = 512
  package var openCallsPerIdentity = 4096
  package var callsPerIdentity = RateLimit(perSecond: 5000, burst: 20_000)
  /// Bytes that one identity sends: beyond it nothing is read from it for a while.
  package var bytesPerIdentity = RateLimit(perSecond: 32 << 20, burst: 128 << 20)
  /// Bytes of requests that are not complete: a call that needs more is RESOURCE_EXHAUSTED.
  package var incompletePerIdentity = 256 << 20
  /// Bytes of answers that are not sent, as their reader does not read: beyond it a call that has more
  /// to answer is RESOURCE_EXHAUSTED. Calls that stream messages of 64 KiB wait before that, all that
  /// an identity may have open: each has one message queued then.
  package var answersPerIdentity = 320 << 20

  /// From the beginning of a request to its end (where messages stream, of each message), as well as
  /// from the handshake to the first frame; nil is for ever.
  package var requestTimeout: Duration? = .seconds(30)
  /// Frames of a connection that serve nothing, see `FloodGuard`.
  package var uselessFrames = RateLimit(perSecond: 500, burst: 2000)
  /// An identity whose connection was ended for a flood may not connect for so long.
  package var floodPenalty = Duration.seconds(10)
  /// How long calls may go on after a shutdown began, before they are cut.
  package var shutdownGrace = Duration.seconds(10)

  package init() {}

  /// A peer that is gone without a word is given up after `time`, whether it owes us acknowledgements
  /// or is silent on an idle connection.
  package mutating func noticeDeadPeers(within time: Duration) {
    self.tcpUserTimeout = time
    self.keepaliveInterval = time / 2
    self.keepaliveTimeout = time / 2
  }
}

extension Duration {
  /// Whole nanoseconds, saturating.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = self.components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max / 2 : product + attoseconds / 1_000_000_000
  }
}
