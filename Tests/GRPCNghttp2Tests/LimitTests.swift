import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// What one client, or a stranger, may cost.
@Suite struct LimitTests {
  private func reason(_ events: EventLog, _ fits: @Sendable @escaping (String) -> Bool) async {
    _ = await events.first { event in
      switch event {
      case .handshakeRefused(_, let reason, _), .connectionClosed(_, let reason): fits(reason)
      default: false
      }
    }
  }

  @Test func lowDescriptorLimitLeavesDescriptorsForOthers() {
    let small = ServerCapacity(TransportLimits(), descriptors: 1024)
    #expect(small.sockets == 768)
    #expect(small.handshakes == 192)
    let large = ServerCapacity(TransportLimits(), descriptors: .max)
    #expect(large.open == 4096)
    #expect(large.handshakes == 256)
  }

  @Test func strangersDoNotKeepClientsOut() async throws {
    var limits = TransportLimits()
    limits.connections = 2
    limits.handshakes = 2  // one a loop
    try await Harness.withServer(limits: limits) { server in
      var strangers: [StreamSocket] = []
      for number in 0..<10 {
        strangers.append(try StreamSocket(connectingTo: server.address.candidates[0]))
        guard number >= 2 else { continue }
        // The loops take turns: the one before the last was on the same.
        let oldest = try strangers[number - 2].localEndpoint()
        _ = await server.events.first { event in
          guard case .handshakeRefused(let peer, let reason, _) = event else { return false }
          return peer == oldest && reason == "too many connections were in their handshake"
        }
      }
      let echoed = try await server.withClient { try await $0.get("Get", [1]).message }
      #expect(echoed == [1])
      withExtendedLifetime(strangers) {}
    }
  }

  @Test func incompleteMessagesAreBoundedTogether() async throws {
    var limits = TransportLimits()
    limits.incompletePerConnection = 100_000
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      try peer.pump { $0.hasSettings }
      // Each claims 50 000 bytes and lacks one.
      let part = RawPeer.frame(Array(repeating: 1, count: 50_000)).dropLast()
      var streams: [Int32] = []
      for _ in 0..<3 {
        streams.append(
          try peer.request(RawPeer.post("/test.Echo/Get"), body: Array(part), end: false))
      }
      let answer = try peer.pump(toEndOf: streams[2])
      #expect(answer.headers.last?["grpc-status"] == "8")
      // What it held is free again.
      let next = try peer.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
      #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([1]))
    }
  }

  /// A handler that waits for the end of its request must not hold what nobody counts.
  @Test func wholeMessagesOfRequestsThatDoNotEndAreBoundedTogether() async throws {
    var limits = TransportLimits()
    limits.incompletePerConnection = 120_000
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      try peer.pump { $0.hasSettings }
      let whole = RawPeer.frame(Array(repeating: 1, count: 50_000))
      var streams: [Int32] = []
      for _ in 0..<3 {
        streams.append(
          try peer.request(RawPeer.post("/test.Echo/Once"), body: whole, end: false))
      }
      #expect(try peer.pump(toEndOf: streams[2]).headers.last?["grpc-status"] == "8")
      #expect(peer.answers[streams[0]]?.headers.isEmpty == true)
      let next = try peer.request(RawPeer.post("/test.Echo/Once"), body: RawPeer.frame([1]))
      #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([1]))
    }
  }

  @Test func callsOfAFullConnectionQueueLess() throws {
    let total = QueuedBytes()
    let loop = Harness.loops.next()
    let queue = OutboundQueue(loop: loop, total: total)
    queue.append(Array(repeating: 0, count: 100_000))
    #expect(!queue.isFull)
    let other = OutboundQueue(loop: loop, total: total)
    for _ in 0..<5 { other.append(Array(repeating: 0, count: 4 << 20)) }
    #expect(queue.isFull)
    other.discard()
    #expect(!queue.isFull)
    #expect(total.count == 100_005)
    let buffer = OutputBuffer(capacity: 1 << 20)
    queue.take(100_005, into: buffer)
    #expect(total.count == 0)
  }

  /// A client that reads nothing must not keep a call beyond its own deadline.
  @Test func deadlineEndsACallWhoseAnswerIsStuck() async throws {
    let service = EchoService([
      "Large": { _, _ in
        StreamingServerResponse { writer in
          // What the window does not take is little enough for the handler to go on.
          try await writer.write(Array(repeating: 7, count: (1 << 20) + 100_000))
          return [:]
        }
      }
    ])
    try await Harness.withServer(service) { server in
      let peer = try RawPeer.connect(to: server.address)
      peer.givesCredit = false
      var answer = RawPeer.Answer()
      var milliseconds = 100
      // On a busy machine a deadline may pass before there is an answer.
      while answer.data.isEmpty {
        milliseconds *= 2
        let stream = try peer.request(
          RawPeer.post("/test.Echo/Large", extra: [("grpc-timeout", "\(milliseconds)m")]),
          body: RawPeer.frame([]))
        answer = try peer.pump(toEndOf: stream)
      }
      #expect(answer.reset == HTTP2Error.cancel.code)
    }
  }

  @Test func revokedClientLosesItsConnectionAndOthersKeepTheirs() async throws {
    let certificates = TestCertificates.shared
    try await Harness.withServer { server in
      let revoked = try RawPeer.connect(to: server.address, identity: "revoked")
      let other = try RawPeer.connect(to: server.address)
      for peer in [revoked, other] {
        let stream = try peer.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
        #expect(try peer.pump(toEndOf: stream).data == RawPeer.frame([1]))
      }
      var tls = certificates.configuration("server")
      tls.revocationList = certificates.path("ca.crl")
      try server.server?.transport.reload(tls: tls)
      try revoked.pumpToEnd()
      #expect(revoked.isEnded)
      await self.reason(server.events) {
        $0 == "the client's certificate is not accepted any more"
      }
      let stream = try other.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([2]))
      #expect(try other.pump(toEndOf: stream).data == RawPeer.frame([2]))
    }
  }

  /// Far beyond the time of the test, which would wait for the one or the other.
  @Test func shutdownDoesNotWaitForStrangers() async throws {
    var limits = TransportLimits()
    limits.handshakeTimeout = .seconds(3600)
    limits.shutdownGrace = .seconds(3600)
    let events = EventLog()
    let transport = try Nghttp2ServerTransport(
      address: try SocketAddress(parsing: "127.0.0.1:0"),
      tls: TestCertificates.shared.configuration("server"), limits: limits, loops: Harness.loops
    ) { events.add($0) }
    let server = GRPCServer(transport: transport, services: [EchoService()])
    let serving = Task { try await server.serve() }
    let stranger = try StreamSocket(connectingTo: transport.listeningAddress.candidates[0])
    // Served after the stranger was taken, as the kernel queues in order.
    let handle = Harness.Server(
      server: server, address: transport.listeningAddress, events: events)
    _ = try await handle.withClient { try await $0.get("Get", [1]) }
    server.beginGracefulShutdown()
    try await serving.value
    withExtendedLifetime(stranger) {}
  }

  @Test func handlerThatNeverEndsDoesNotKeepTheServer() async throws {
    let log = Probe()
    let deaf: EchoService.Handler = { _, _ in
      log.add("started")
      await log.wait("never, while it is served")
      return StreamingServerResponse { _ in [:] }
    }
    let peer = try await Harness.withServer(EchoService(["Deaf": deaf])) { server in
      let peer = try RawPeer.connect(to: server.address)
      _ = try peer.request(RawPeer.post("/test.Echo/Deaf"), body: RawPeer.frame([]))
      await log.wait("started")
      return peer
    }
    log.add("never, while it is served")
    withExtendedLifetime(peer) {}
  }
}
