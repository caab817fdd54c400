import GRPCCore
import Linux

@testable import GRPCNghttp2

/// What every test of real connections shares.
enum Harness {
  /// Loops live for ever, so all tests use the same.
  static let loops: EventLoopGroup = {
    do {
      return try EventLoopGroup(count: 2)
    } catch {
      fatalError("\(error)")
    }
  }()

  /// Where the bodies of tests run: a `RawPeer` blocks its thread, which the shared pool must not.
  static let threads = BlockingThreads(name: "test", count: 16)

  typealias Client = GRPCClient<Nghttp2ClientTransport>

  /// A server on a free port of 127.0.0.1 for as long as `body` runs.
  static func withServer<Result: Sendable>(
    _ service: EchoService = EchoService(), at address: SocketAddress? = nil,
    tls: TLSConfiguration? = nil,
    limits: TransportLimits = TransportLimits(), events: EventLog = EventLog(),
    _ body: @Sendable @escaping (Server) async throws -> Result
  ) async throws -> Result {
    let transport = try Nghttp2ServerTransport(
      address: try address ?? SocketAddress(parsing: "127.0.0.1:0"),
      tls: tls ?? TestCertificates.shared.configuration("server"), limits: limits, loops: Self.loops
    ) { events.add($0) }
    let server = GRPCServer(transport: transport, services: [service])
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.serve() }
      let handle = Server(server: server, address: transport.listeningAddress, events: events)
      let result = try await withTaskExecutorPreference(Self.threads) { try await body(handle) }
      group.cancelAll()  // cuts what is left
      try await group.waitForAll()
      return result
    }
  }

  /// The other side by hand, for one connection.
  static func accept(_ listener: Listener) async throws -> RawPeer {
    try await withTaskExecutorPreference(Self.threads) { try RawPeer.accept(listener) }
  }

  static func listener() throws -> Listener {
    try Listener.bind(try SocketAddress(parsing: "127.0.0.1:0"))[0]
  }

  struct Server: Sendable {
    let server: GRPCServer<Nghttp2ServerTransport>?
    let address: SocketAddress
    let events: EventLog

    func withClient<Result: Sendable>(
      _ identity: String = "alice", trusting: String = "ca", serverName: String? = nil,
      limits: TransportLimits = TransportLimits(), onLoop: Bool = true,
      _ body: @Sendable @escaping (Client) async throws -> Result
    ) async throws -> Result {
      let loop = Harness.loops.next()
      let transport = try Nghttp2ClientTransport(
        address: self.address, serverName: serverName,
        tls: TestCertificates.shared.configuration(identity, trusting: trusting), limits: limits,
        loop: loop)
      let client = GRPCClient(transport: transport)
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.runConnections() }
        let call = Task(executorPreference: onLoop ? loop : nil) { try await body(client) }
        let result = await withTaskCancellationHandler {
          await call.result
        } onCancel: {
          call.cancel()
        }
        client.beginGracefulShutdown()
        // Throws when the body was over before the client ran: nothing to wait for then.
        try? await group.waitForAll()
        return try result.get()
      }
    }
  }
}

/// The transport's events, for a test to look at or wait for.
final class EventLog: Sendable {
  private struct State {
    var events: [TransportEvent] = []
    var waiters:
      [(@Sendable (TransportEvent) -> Bool, CheckedContinuation<TransportEvent, Never>)] =
        []
  }

  private let state = Lock(State())

  var all: [TransportEvent] { self.state.withLock { $0.events } }

  func add(_ event: TransportEvent) {
    let ready = self.state.withLock { state in
      state.events.append(event)
      let ready = state.waiters.filter { $0.0(event) }.map(\.1)
      state.waiters.removeAll { $0.0(event) }
      return ready
    }
    for waiter in ready { waiter.resume(returning: event) }
  }

  /// The first event that fits, now or later.
  func first(_ fits: @Sendable @escaping (TransportEvent) -> Bool) async -> TransportEvent {
    await withCheckedContinuation { continuation in
      let found = self.state.withLock { state in
        let found = state.events.first(where: fits)
        if found == nil { state.waiters.append((fits, continuation)) }
        return found
      }
      if let found { continuation.resume(returning: found) }
    }
  }
}

extension GRPCClient {
  /// One message there, one back.
  func get(
    _ method: String, _ message: [UInt8], metadata: Metadata = [:],
    options: CallOptions = .defaults
  ) async throws -> ClientResponse<[UInt8]> {
    try await self.unary(
      request: ClientRequest(message: message, metadata: metadata),
      descriptor: EchoService.method(method), serializer: RawBytes(), deserializer: RawBytes(),
      options: options
    ) { $0 }
  }

  /// One message there, many back, each given to `body`.
  func expand<Result: Sendable>(
    _ method: String, _ message: [UInt8], options: CallOptions = .defaults,
    _ body: @Sendable @escaping (StreamingClientResponse<[UInt8]>) async throws -> Result
  ) async throws -> Result {
    try await self.serverStreaming(
      request: ClientRequest(message: message), descriptor: EchoService.method(method),
      serializer: RawBytes(), deserializer: RawBytes(), options: options, onResponse: body)
  }
}
