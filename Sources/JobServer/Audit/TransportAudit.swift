import GRPCNghttp2
import Linux

/// Writes down what was refused to a known identity before any call reached `Gate`: for a limit of
/// connections or calls, or for a flood; and what was cut off with its certificate.
///
/// Nobody can fill the disk with it: beyond so many lines a second for each identity they are counted,
/// and the next one says how many.
final class TransportAudit: Sendable {
  private let log: AuditLog
  private let trustDomain: String
  private let paces: LinePaces

  init(
    _ log: AuditLog, trustDomain: String, now: @escaping @Sendable () -> Int64 = Clock.monotonic
  ) {
    self.log = log
    self.trustDomain = trustDomain
    self.paces = LinePaces(now: now)
  }

  func add(_ event: TransportEvent) {
    switch event {
    case .callRefused(let peer, let identity, let method, let reason):
      self.write(peer, identity, method, reason)
    case .connectionRefused(let peer, let identity?, let reason):
      self.write(peer, identity, "", "connection refused: \(reason)")
    case .methodUnknown(let peer, let identity, let method):
      self.write(peer, identity, method, "no such method")
    case .flooded(let peer, let identity, _, let reason),
      .identityLost(let peer, let identity, let reason):
      self.write(peer, identity, "", "connection ended: \(reason)")
    // Who has shown no name is in the log: an audit file that strangers write to proves nothing.
    case .connectionRefused, .handshakeRefused, .acceptFailed: break
    case .connectionOpened, .connectionClosed: break
    }
  }

  private func write(
    _ peer: IPEndpoint, _ identity: PeerIdentity, _ method: String, _ reason: String
  ) {
    let name = Caller.label(identity, trustDomain: self.trustDomain)
    guard let line = self.paces.next(name) else { return }
    var entry = AuditEntry(.decision)
    entry.identity = name
    entry.serial = identity.serial
    entry.peer = peer.grpcPeer
    entry.method = method
    entry.decision = "refused"
    entry.reason = reason
    entry.count = line.withheld
    self.log.post(entry)
  }
}
