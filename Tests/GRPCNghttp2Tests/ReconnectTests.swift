import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// A connection that ends in order fails no call.
@Suite struct ReconnectTests {
  private static let served = Status(code: .notFound, message: "served")

  /// A client of the server that the test plays by hand.
  private func withClient(
    _ listener: Listener, calls: Int = 1,
    _ body: @Sendable @escaping (_ answered: Probe) async throws -> Void
  ) async throws {
    let transport = try Nghttp2ClientTransport(
      address: SocketAddress(endpoint: listener.endpoint),
      tls: TestCertificates.shared.configuration("alice"), loop: Harness.loops.next())
    let client = GRPCClient(transport: transport)
    let answered = Probe()
    async let server: Void = withTaskExecutorPreference(Harness.threads) {
      try await body(answered)
    }
    for _ in 0..<calls {
      let error = await #expect(throws: RPCError.self) {
        try await client.get("Get", [1, 2, 3]).message
      }
      #expect(error?.message == "served")
    }
    answered.add("all")
    try await server
  }

  /// Also when it ends before there is time for a request: the next is used in the turn it opens in,
  /// however much else the loop has to do.
  @Test func connectionsThatEndAtOnceServeCallsAllTheSame() async throws {
    var limits = TransportLimits()
    limits.idleTimeout = .zero
    try await Harness.withServer(limits: limits) { server in
      let loop = Harness.loops.next()
      let transport = try Nghttp2ClientTransport(
        address: server.address, tls: TestCertificates.shared.configuration("alice"), loop: loop)
      let client = GRPCClient(transport: transport)
      let isBusy = Lock(true)
      // More than a loop runs in a turn.
      for _ in 0..<200 { Self.occupy(loop, while: isBusy) }
      defer { isBusy.withLock { $0 = false } }
      for number in UInt8(0)..<3 {
        let echoed = try await client.get("Get", [number]).message
        #expect(echoed == [number])
      }
    }
  }

  private static func occupy(_ loop: EventLoop, while isBusy: Lock<Bool>) {
    loop.execute {
      let end = Clock.monotonic() + 50_000
      while Clock.monotonic() < end {}
      if isBusy.withLock({ $0 }) { self.occupy(loop, while: isBusy) }
    }
  }

  /// Takes the next request whole, and answers it.
  private static func serve(_ peer: RawPeer, _ stream: Int32) throws {
    let answer = try peer.pump(toEndOf: stream)
    #expect(answer.data == RawPeer.frame([1, 2, 3]))
    try peer.answer(stream, Self.served)
  }

  @Test func refusedCallIsMadeAgain() async throws {
    let listener = try Harness.listener()
    try await self.withClient(listener) { answered in
      let peer = try RawPeer.accept(listener)
      _ = try peer.pump(toEndOf: 1)
      try peer.refuse(1)
      try Self.serve(peer, 3)
      await answered.wait("all")
      withExtendedLifetime(peer) {}
    }
  }

  @Test func callThatIsRefusedAgainAndAgainFails() async throws {
    let listener = try Harness.listener()
    let transport = try Nghttp2ClientTransport(
      address: SocketAddress(endpoint: listener.endpoint),
      tls: TestCertificates.shared.configuration("alice"), loop: Harness.loops.next())
    let client = GRPCClient(transport: transport)
    let call = Task { try await client.get("Get", [1]).message }
    let peer = try await Harness.accept(listener)
    try await withTaskExecutorPreference(Harness.threads) {
      for stream in [1, 3, 5, 7] as [Int32] {
        _ = try peer.pump(toEndOf: stream)
        try peer.refuse(stream)
      }
    }
    let failure = await #expect(throws: RPCError.self) { try await call.value }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message == "the server refused the call")
  }

  /// The request was on its way when the server said that it is going.
  @Test func callThatCrossesGoAwayMovesToANewConnection() async throws {
    let listener = try Harness.listener()
    try await self.withClient(listener) { answered in
      let first = try RawPeer.accept(listener)
      _ = try first.pump(toEndOf: 1)
      try first.goAway(last: 0)
      first.shutdownWrite()
      let second = try RawPeer.accept(listener)
      try Self.serve(second, 1)
      await answered.wait("all")
      withExtendedLifetime((first, second)) {}
    }
  }

  /// GOAWAY and the end come while nobody calls; the next call may see either.
  @Test func callAfterAnIdleConnectionEndedGetsANewOne() async throws {
    let listener = try Harness.listener()
    try await self.withClient(listener, calls: 2) { answered in
      let first = try RawPeer.accept(listener)
      try Self.serve(first, 1)
      try first.goAway(last: 1)
      first.shutdownWrite()
      let second = try RawPeer.accept(listener)
      try Self.serve(second, 1)
      await answered.wait("all")
      withExtendedLifetime((first, second)) {}
    }
  }

  @Test func droppedTransportEndsItsConnection() async throws {
    try await Harness.withServer { server in
      do {
        let transport = try Nghttp2ClientTransport(
          address: server.address, tls: TestCertificates.shared.configuration("alice"),
          loop: Harness.loops.next())
        _ = try await GRPCClient(transport: transport).get("Get", [1])
      }
      _ = await server.events.first { event in
        guard case .connectionClosed = event else { return false }
        return true
      }
    }
  }
}
