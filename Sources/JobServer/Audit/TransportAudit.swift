import GRPCNghttp2
import Linux

/// Writes down what was refused to a known identity before any call reached `Gate`: for a limit of
/// connections or calls, or for a flood.
///
/// Nobody can fill the disk with it: beyond so many lines a second for each identity they are counted,
/// and the next one says how many.
final class TransportAudit: Sendable {
  private let log: AuditLog
  private let trustDomain: String
  private let now: @Sendable () -> Int64
  private let paces = Lock<[String: LinePace]>([:])
  private static let mostPaces = 4096

  init(
    _ log: AuditLog, trustDomain: String, now: @escaping @Sendable () -> Int64 = Clock.monotonic
  ) {
    self.log = log
    self.trustDomain = trustDomain
    self.now = now
  }

  func add(_ event: TransportEvent) {
    switch event {
    case .callRefused(let peer, let identity, let method, let reason):
      self.write(peer, identity, method, reason)
    case .connectionRefused(let peer, let identity?, let reason):
      self.write(peer, identity, "", "connection refused: \(reason)")
    case .flooded(let peer, let identity, _, let reason):
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
    guard let line = self.next(name) else { return }
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

  private func next(_ name: String) -> LinePace.Line? {
    let now = self.now()
    return self.paces.withLock { paces in
      // Beyond so many names all others share one pace.
      let key = paces.count < Self.mostPaces || paces[name] != nil ? name : ""
      return paces[key, default: LinePace()].next(now: now)
    }
  }
}
