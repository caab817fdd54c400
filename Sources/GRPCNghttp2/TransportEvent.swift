package import Linux

/// What happened on a server's connections. The transport tells, and never logs.
package enum TransportEvent: Hashable, Sendable {
  /// A peer did not get as far as a call; `reason` says exactly why.
  case handshakeRefused(peer: IPEndpoint, reason: String, fault: HandshakeFault)
  /// Closed at once: a limit was reached. `identity`: nil where nobody was asked for it.
  case connectionRefused(peer: IPEndpoint, identity: PeerIdentity?, reason: String)
  /// One call of a client was refused: its identity's limit was reached.
  case callRefused(peer: IPEndpoint, identity: PeerIdentity, method: String, reason: String)
  /// A call of a method that nobody serves: the router refuses it, and no interceptor sees it.
  case methodUnknown(peer: IPEndpoint, identity: PeerIdentity, method: String)
  /// Ended, as its client made the server work for nothing, over and over.
  case flooded(peer: IPEndpoint, identity: PeerIdentity, by: String, reason: String)
  /// An open connection whose client's certificate has expired, or was revoked; it is closed as well.
  case identityLost(peer: IPEndpoint, identity: PeerIdentity, reason: String)
  case connectionOpened(peer: IPEndpoint, identity: PeerIdentity)
  case connectionClosed(peer: IPEndpoint, reason: String)
  /// accept(2) failed; it is tried again soon.
  case acceptFailed(reason: String)
}
