import GRPCCore
import GRPCNghttp2
import Linux

/// What is counted while the server runs. Every label is of a fixed set: nobody who connects can make
/// the page longer, and no name, id or secret is on it.
package final class Metrics: Sendable {
  struct Call: Hashable {
    /// Of the API, or `other`.
    let method: String
    let code: String
  }

  struct Counts: Sendable {
    var calls: [Call: Int64] = [:]
    var handshakesRefused: [HandshakeFault: Int64] = [:]
    var connectionsOpened: Int64 = 0
    var connectionsClosed: Int64 = 0
    var connectionsRefused: Int64 = 0
    var connectionsFlooded: Int64 = 0
    var callsRefused: Int64 = 0
    var acceptFailures: Int64 = 0
  }

  private let state = Lock(Counts())

  package init() {}

  var counts: Counts { self.state.withLock { $0 } }

  /// A call has ended; nil: well.
  func ended(_ descriptor: MethodDescriptor, _ code: RPCError.Code?) {
    let method = Method(descriptor)?.rawValue ?? "other"
    let call = Call(method: method, code: code.map { "\($0)" } ?? "ok")
    self.state.withLock { $0.calls[call, default: 0] += 1 }
  }

  func add(_ event: TransportEvent) {
    self.state.withLock { counts in
      switch event {
      case .handshakeRefused(_, _, let fault): counts.handshakesRefused[fault, default: 0] += 1
      case .connectionRefused: counts.connectionsRefused += 1
      case .callRefused: counts.callsRefused += 1
      case .methodUnknown:
        counts.calls[Call(method: "other", code: "unimplemented"), default: 0] += 1
      case .flooded: counts.connectionsFlooded += 1
      case .connectionOpened: counts.connectionsOpened += 1
      case .identityLost: break  // closed, too
      case .connectionClosed: counts.connectionsClosed += 1
      case .acceptFailed: counts.acceptFailures += 1
      }
    }
  }
}
