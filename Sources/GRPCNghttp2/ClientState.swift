import GRPCCore
import Linux

/// What a client transport holds: at most one connection that takes calls, those that drain, and
/// the calls that wait. Confined to a loop.
final class ClientState: @unchecked Sendable {
  // @unchecked: state is touched on the loop only; the transport goes there first.

  private struct Waiter {
    let ticket: UInt64
    let resume: (Result<ClientConnection, any Error>) -> Void
  }

  let loop: EventLoop
  private let address: SocketAddress
  private let serverName: String
  private let context: TLSContext
  private let limits: TransportLimits
  private let connectTimeout: Int64
  private var current: ClientConnection?
  private var connections: [ObjectIdentifier: ClientConnection] = [:]
  private var untried: [IPEndpoint] = []
  private var connectDeadline: Int64 = 0
  /// What an address said that did not merely stay silent.
  private var refusal: RPCError?
  private var waiters: [Waiter] = []
  private var ticket: UInt64 = 0
  private var openCalls = 0
  private var isShuttingDown = false
  private var shutdownWaiters: [CheckedContinuation<Void, Never>] = []

  init(
    address: SocketAddress, serverName: String, context: TLSContext, limits: TransportLimits,
    connectTimeout: Int64, loop: EventLoop
  ) {
    self.address = address
    self.serverName = serverName
    self.context = context
    self.limits = limits
    self.connectTimeout = connectTimeout
    self.loop = loop
  }

  /// Dropped without a shutdown: its connections, which the loop keeps, must end too.
  deinit {
    let connections = Array(self.connections.values)
    guard !connections.isEmpty else { return }
    self.loop.execute { for connection in connections { connection.drain() } }
  }

  // MARK: Calls

  /// A connection that takes a call, made when there is none. On the loop.
  func openCall(
    _ descriptor: MethodDescriptor, _ options: CallOptions
  ) async throws -> (ClientCall, ClientContext) {
    self.loop.preconditionOnLoop()
    let connection = try await self.connection()
    self.openCalls += 1
    let call = ClientCall(
      path: "/\(descriptor.fullyQualifiedMethod)", maximumMessage: options.maxRequestMessageBytes,
      maximumAnswer: options.maxResponseMessageBytes, connection: connection,
      state: self)
    let context = ClientContext(
      descriptor: descriptor, remotePeer: connection.peer.grpcPeer,
      localPeer: connection.localPeer)
    return (call, context)
  }

  func closeCall(_ call: ClientCall) {
    call.close()
    self.openCalls -= 1
    self.finishIfDone()
  }

  func connection() async throws -> ClientConnection {
    if self.isShuttingDown { throw Self.isShutDown }
    if let current = self.current, current.canTakeCalls { return current }
    self.ticket += 1
    let ticket = self.ticket
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        self.wait(Waiter(ticket: ticket) { continuation.resume(with: $0) })
      }
    } onCancel: {
      self.loop.execute { self.cancelWaiter(ticket) }
    }
  }

  /// A connection for a call that has none any more, now or later.
  func connection(_ body: @escaping (Result<ClientConnection, any Error>) -> Void) {
    if let current = self.current, current.canTakeCalls { return body(.success(current)) }
    self.ticket += 1
    self.wait(Waiter(ticket: self.ticket, resume: body))
  }

  private func wait(_ waiter: Waiter) {
    self.waiters.append(waiter)
    if let current = self.current, current.phase == .open {
      // No stream number is left, RFC 9113 5.1.1, or its end has begun.
      self.current = nil
      current.drain()
    }
    if self.current == nil { self.startConnecting() }
  }

  private func cancelWaiter(_ ticket: UInt64) {
    guard let index = self.waiters.firstIndex(where: { $0.ticket == ticket }) else { return }
    let error = RPCError(code: .cancelled, message: "the call was cancelled")
    self.waiters.remove(at: index).resume(.failure(error))
  }

  private static let isShutDown = RPCError(
    code: .failedPrecondition, message: "the client transport is shut down")

  // MARK: Connecting

  private func startConnecting() {
    self.untried = self.address.candidates
    self.refusal = nil
    self.connectDeadline = Clock.monotonic() + self.connectTimeout
    self.tryNext()
  }

  /// Each address gets its share of the time: a silent one must not use up that of the others.
  private func tryNext() {
    let left = max(0, self.connectDeadline - Clock.monotonic())
    let share = max(left / Int64(self.untried.count), min(left, Self.shortestTry))
    let endpoint = self.untried.removeFirst()
    let connection = ClientConnection(
      to: endpoint, authority: self.address.description, serverName: self.serverName,
      context: self.context, limits: self.limits, loop: self.loop, owner: self)
    self.current = connection
    self.connections[ObjectIdentifier(connection)] = connection
    connection.connect(timeout: share)
  }

  private static let shortestTry: Int64 = 250_000_000

  private func failWaiters(_ error: RPCError) {
    let waiters = self.waiters
    self.waiters = []
    for waiter in waiters { waiter.resume(.failure(error)) }
  }

  // MARK: Shutdown

  func beginShutdown() {
    self.isShuttingDown = true
    self.failWaiters(Self.isShutDown)
    self.finishIfDone()
  }

  /// Cuts every call.
  func abort() {
    self.beginShutdown()
    let error = RPCError(code: .cancelled, message: "the client transport was stopped")
    for connection in self.connections.values { connection.abort(error) }
  }

  func waitForShutdown() async {
    await withCheckedContinuation {
      self.shutdownWaiters.append($0)
      self.finishIfDone()
    }
  }

  private func finishIfDone() {
    guard self.isShuttingDown, self.openCalls == 0 else { return }
    for connection in self.connections.values { connection.drain() }
    let waiters = self.shutdownWaiters
    self.shutdownWaiters = []
    for waiter in waiters { waiter.resume() }
  }
}

extension ClientState: ClientConnection.Owner {
  func connectionOpened(_ connection: ClientConnection) {
    let waiters = self.waiters
    self.waiters = []
    for waiter in waiters { waiter.resume(.success(connection)) }
    if self.isShuttingDown { self.finishIfDone() }
  }

  func connectionUnusable(_ connection: ClientConnection, _ error: RPCError) {
    guard self.current === connection else { return }
    self.current = nil
    guard !self.waiters.isEmpty else { return }
    if connection.hasSettings { return self.startConnecting() }  // these waited for another
    if !connection.hasTimedOut { self.refusal = self.refusal ?? error }
    if self.untried.isEmpty { return self.failWaiters(self.refusal ?? error) }
    self.tryNext()
  }

  func connectionGone(_ connection: ClientConnection) {
    self.connections[ObjectIdentifier(connection)] = nil
  }
}
