import GRPCCore
import Linux

/// A server's connections on one loop. Confined to it; made once for each loop of the group.
final class ServerLoop: @unchecked Sendable {
  // @unchecked: what changes is touched on the loop only; `execute` is the way there.

  typealias StreamHandler =
    @Sendable (
      RPCStream<Nghttp2ServerTransport.Inbound, Nghttp2ServerTransport.Outbound>, ServerContext
    ) async -> Void

  let loop: EventLoop
  let limits: TransportLimits
  let handler: StreamHandler
  let methods: [String: MethodDescriptor]
  private let shared: ServerState
  private var connections: [ObjectIdentifier: ServerConnection] = [:]

  init(
    loop: EventLoop, limits: TransportLimits, methods: [String: MethodDescriptor],
    shared: ServerState, handler: @escaping StreamHandler
  ) {
    self.loop = loop
    self.limits = limits
    self.methods = methods
    self.shared = shared
    self.handler = handler
  }

  /// For new connections: what `reload` has set last.
  var context: TLSContext { self.shared.context }

  func report(_ event: TransportEvent) { self.shared.onEvent(event) }

  func adopt(_ socket: StreamSocket, peer: IPEndpoint) {
    self.loop.preconditionOnLoop()
    // Accepted just before the shutdown: dropping the socket refuses it.
    if self.shared.isShuttingDown { return self.shared.connectionGone() }
    do {
      let connection = try ServerConnection(socket, peer: peer, owner: self)
      self.connections[ObjectIdentifier(connection)] = connection
    } catch {
      self.report(.handshakeRefused(peer: peer, reason: "\(error)"))
      self.shared.connectionGone()
    }
  }

  /// Something about `connection` ended; it is forgotten when nothing of it is left.
  func connectionChanged(_ connection: ServerConnection) {
    guard connection.isGone else { return }
    guard self.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    self.shared.connectionGone()
  }

  func beginShutdown() {
    for connection in self.connections.values { connection.beginShutdown() }
    _ = self.loop.schedule(after: self.limits.shutdownGrace.nanoseconds) { [weak self] in
      self?.abort("the server is shutting down")
    }
  }

  func abort(_ reason: String) {
    for connection in self.connections.values { connection.abort(reason) }
  }
}
