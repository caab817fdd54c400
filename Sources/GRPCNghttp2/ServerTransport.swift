package import GRPCCore
package import Linux

/// GRPCCore's server side over TCP, mutual TLS 1.3 and HTTP/2.
///
/// Handlers run on the loop of their connection: one that blocks or computes long stops the other
/// calls of that loop, so it must send such work elsewhere. `context.transportSpecific` is the
/// client's `PeerIdentity`; whether it may do what it asks is for the services to decide.
package final class Nghttp2ServerTransport: ServerTransport {
  package typealias Bytes = [UInt8]

  private struct State {
    var methods: [String: MethodDescriptor] = [:]
    var pages: ServerPages = [:]
    var listeners: [Listener]
    var loops: [ServerLoop] = []
    var acceptors: [(EventLoop, Acceptor)] = []
    var isListening = false
  }

  /// Where the server is reached, with the port that the kernel chose when 0 was asked.
  package let listeningAddress: SocketAddress
  private let limits: TransportLimits
  private let group: EventLoopGroup
  private let shared: ServerState
  private let state: Lock<State>

  /// Reads the TLS files and binds, so that what is wrong with either shows before anything runs.
  package init(
    address: SocketAddress, tls: TLSConfiguration, limits: TransportLimits = TransportLimits(),
    loops: EventLoopGroup, onEvent: @escaping @Sendable (TransportEvent) -> Void = { _ in }
  ) throws {
    let context = try TLSContext(tls, role: .server)
    let listeners = try Listener.bind(address)
    self.listeningAddress = SocketAddress(endpoint: listeners[0].endpoint)
    self.limits = limits
    self.group = loops
    let descriptors = Int(clamping: CurrentProcess.resourceLimit(7).soft)  // RLIMIT_NOFILE
    self.shared = ServerState(
      context: context, capacity: ServerCapacity(limits, descriptors: descriptors),
      limits: limits, onEvent: onEvent)
    self.state = Lock(State(listeners: listeners))
  }

  /// Connections made from now on use these files. Those that are open go on, except where the
  /// client's certificate is not accepted any more, as it was revoked.
  ///
  /// `check` may still refuse the files for how long they are good.
  @discardableResult
  package func reload(
    tls: TLSConfiguration, check: (TLSValidity) throws -> Void = { _ in }
  ) throws -> TLSValidity {
    let context = try TLSContext(tls, role: .server)
    try check(context.validity)
    self.shared.replace(context)
    self.eachLoop { $0.verifyAgain() }
    return context.validity
  }

  /// Of the files that are used now.
  package var validity: TLSValidity { self.shared.context.validity }

  package func configure(context: GRPCServerContext) {
    var methods: [String: MethodDescriptor] = [:]
    for method in context.methods { methods["/\(method.fullyQualifiedMethod)"] = method }
    self.state.withLock { $0.methods = methods }
  }

  /// What is answered to GET, from `listen` on.
  package func configure(pages: ServerPages) { self.state.withLock { $0.pages = pages } }

  /// Bytes of all connections, as the network has them, since `listen`.
  package var traffic: Traffic {
    self.state.withLock { $0.loops }.map(\.traffic.value).reduce(into: Traffic()) { sum, one in
      sum.received += one.received
      sum.sent += one.sent
    }
  }

  package func listen(
    streamHandler:
      @escaping @Sendable (RPCStream<Inbound, Outbound>, ServerContext) async -> Void
  ) async throws {
    try self.start(streamHandler)
    await withTaskCancellationHandler {
      await self.shared.waitUntilGone()
    } onCancel: {
      self.stop()
      self.eachLoop { $0.abort("the server stopped") }
    }
    self.stop()
    // The loops' handler holds the server, which holds this transport: a cycle unless it is cut here.
    self.state.withLock { $0.loops = [] }
  }

  /// No new connection or call is taken; calls go on until they end or the grace is over.
  package func beginGracefulShutdown() {
    self.stop()
  }

  private func start(_ handler: @escaping ServerLoop.StreamHandler) throws {
    let acceptors = try self.state.withLock { state throws(RPCError) in
      guard !state.isListening else {
        throw RPCError(code: .failedPrecondition, message: "the transport listens already")
      }
      state.isListening = true
      state.loops = self.group.loops.map { loop in
        ServerLoop(
          loop: loop, limits: self.limits, methods: state.methods, pages: state.pages,
          shared: self.shared,
          loopCount: self.group.loops.count, handler: handler)
      }
      state.acceptors = state.listeners.map { listener in
        let loop = self.group.next()
        return (loop, Acceptor(listener, loop: loop, loops: state.loops, shared: self.shared))
      }
      state.listeners = []
      return state.acceptors
    }
    self.shared.addAcceptors(acceptors.count)
    if self.shared.isShuttingDown { return self.dropAcceptors() }
    for (loop, acceptor) in acceptors { loop.execute { acceptor.start() } }
  }

  private func stop() {
    guard self.shared.beginShutdown() else { return }
    self.dropAcceptors()
    self.eachLoop { $0.beginShutdown() }
  }

  private func dropAcceptors() {
    let acceptors = self.state.withLock { state in
      defer { state.acceptors = [] }
      state.listeners = []
      return state.acceptors
    }
    for (loop, acceptor) in acceptors { loop.execute { acceptor.stop() } }
  }

  private func eachLoop(_ body: @escaping @Sendable (ServerLoop) -> Void) {
    for loop in self.state.withLock({ $0.loops }) { loop.loop.execute { body(loop) } }
  }
}
