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
  let pages: ServerPages
  let traffic = TrafficCount()
  private let shared: ServerState
  /// This loop's share of those that may be in their handshake.
  private let handshakes: Int
  /// Without a name yet, the oldest first.
  private var handshaking: [ServerConnection] = []
  private var connections: [ObjectIdentifier: ServerConnection] = [:]

  init(
    loop: EventLoop, limits: TransportLimits, methods: [String: MethodDescriptor],
    pages: ServerPages, shared: ServerState, loopCount: Int, handler: @escaping StreamHandler
  ) {
    self.loop = loop
    self.limits = limits
    self.methods = methods
    self.pages = pages
    self.shared = shared
    self.handler = handler
    self.handshakes = max(1, shared.capacity.handshakes / loopCount)
  }

  /// For new connections: what `reload` has set last.
  var context: TLSContext { self.shared.context }

  func report(_ event: TransportEvent) { self.shared.onEvent(event) }

  func adopt(_ socket: StreamSocket, peer: IPEndpoint) {
    self.loop.preconditionOnLoop()
    // Accepted just before the shutdown: dropping the socket refuses it.
    if self.shared.isShuttingDown { return self.drop(peer) }
    self.makeRoom(for: peer)
    do {
      let connection = try ServerConnection(socket, peer: peer, owner: self)
      self.connections[ObjectIdentifier(connection)] = connection
      self.handshaking.append(connection)
    } catch {
      self.report(.handshakeRefused(peer: peer, reason: "\(error)", fault: .other))
      self.drop(peer)
    }
  }

  private func drop(_ peer: IPEndpoint) {
    self.shared.socketClosed(peer, now: Clock.monotonic())
    self.shared.connectionGone(wasOpen: false)
  }

  /// Strangers must not keep others out by being many and slow; those of one address first make room
  /// for each other.
  private func makeRoom(for peer: IPEndpoint) {
    guard self.handshaking.count >= self.handshakes / 2 else { return }
    let key = AddressKey(peer)
    let own = self.handshaking.filter { AddressKey($0.peer) == key }
    if own.count >= max(1, self.handshakes / 2) { return Self.evict(own.first) }
    if self.handshaking.count >= self.handshakes { Self.evict(self.handshaking.first) }
  }

  private static func evict(_ connection: ServerConnection?) {
    connection?.close(CloseReason("too many connections were in their handshake", fault: .crowded))
  }

  func account(_ identity: PeerIdentity) -> ClientAccount {
    self.shared.account(identity, now: Clock.monotonic())
  }

  /// The handshake of `connection` is done, and its client may stay.
  func admit(_ connection: ServerConnection) -> Bool {
    self.handshaking.removeAll { $0 === connection }
    return self.shared.admitOpen()
  }

  func socketClosed(_ connection: ServerConnection) {
    self.shared.socketClosed(connection.peer, now: Clock.monotonic())
  }

  /// Something about `connection` ended; it is forgotten when nothing of it is left.
  func connectionChanged(_ connection: ServerConnection) {
    if !connection.isAdmitted { self.handshaking.removeAll { $0 === connection } }
    if connection.isGone { self.forget(connection) }
  }

  private func forget(_ connection: ServerConnection) {
    guard self.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    self.shared.connectionGone(wasOpen: connection.isAdmitted)
  }

  /// The context was replaced.
  func verifyAgain() {
    for connection in self.connections.values { connection.verifyAgain() }
  }

  func beginShutdown() {
    for connection in self.connections.values { connection.beginShutdown() }
    _ = self.loop.schedule(after: self.limits.shutdownGrace.nanoseconds) { [weak self] in
      self?.abort("the server is shutting down")
    }
  }

  func abort(_ reason: String) {
    for connection in self.connections.values { connection.abort(reason) }
    guard !self.connections.isEmpty else { return }
    _ = self.loop.schedule(after: Self.unwindTime) { [weak self] in self?.giveUp() }
  }

  /// For handlers to return after they were cancelled.
  private static let unwindTime: Int64 = 5_000_000_000

  /// A handler that is deaf to cancellation must not keep the server from ending.
  private func giveUp() {
    for connection in self.connections.values {
      let reason = "\(connection.handlers) calls did not end when they were cancelled"
      self.report(.connectionClosed(peer: connection.peer, reason: reason))
      self.forget(connection)
    }
  }
}
