import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// What one identity, and one address, may use of a server; and how long a request may take to come.
@Suite struct ShareTests {
  /// What bob's second connection is told, while he holds a call and alice goes on.
  private func refusal(_ limits: TransportLimits) async throws -> RPCError? {
    try await Harness.withServer(limits: limits) { server in
      let held = try RawPeer.connect(to: server.address, identity: "bob")
      let stream = try held.request(
        RawPeer.post("/test.Echo/Update"), body: RawPeer.frame([7]), end: false)
      try held.pump { $0.answers[stream]?.data.isEmpty == false }
      let other = try RawPeer.connect(to: server.address)
      func echoes() throws -> Bool {
        let stream = try other.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
        return try other.pump(toEndOf: stream).data == RawPeer.frame([1])
      }
      #expect(try echoes())
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient("bob") { try await $0.get("Get", [1]).message }
      }
      #expect(try echoes())
      #expect(held.answers[stream]?.reset == nil)
      return error
    }
  }

  @Test func connectionsOfAnIdentityAreCounted() async throws {
    var limits = TransportLimits()
    limits.connectionsPerIdentity = 1
    let error = try await self.refusal(limits)
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message == "'bob' has 1 connections, which is the limit: end some")
  }

  @Test func callsOfAnIdentityAreCountedOverItsConnections() async throws {
    var limits = TransportLimits()
    limits.openCallsPerIdentity = 1
    let error = try await self.refusal(limits)
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message == "'bob' has 1 open calls, which is the limit: end some")
  }

  @Test func connectionsOfAnAddressAreCounted() async throws {
    var limits = TransportLimits()
    limits.connectionsPerAddress = 2
    let error = try await self.refusal(limits)
    #expect(error?.code == .unavailable)
  }

  @Test func handshakesOfAnAddressAreCounted() async throws {
    var limits = TransportLimits()
    limits.handshakesPerAddress = RateLimit(perSecond: 1, burst: 1)
    try await Harness.withServer(limits: limits) { server in
      func isRefused(_ event: TransportEvent) -> Bool {
        guard case .connectionRefused(_, _, let reason) = event else { return false }
        return reason == "the limit of 1 handshakes a second of one address is reached"
      }
      while !server.events.all.contains(where: isRefused) {  // a busy machine may need several
        _ = await Self.error { try await server.withClient { try await $0.get("Get", []).message } }
      }
    }
  }

  private static func error(_ body: () async throws -> [UInt8]) async -> (any Error)? {
    do { _ = try await body() } catch { return error }
    return nil
  }

  @Test func callsThatComeTooFastAreRefusedAndTold() async throws {
    var limits = TransportLimits()
    limits.callsPerIdentity = RateLimit(perSecond: 1, burst: 1)
    try await Harness.withServer(limits: limits) { server in
      try await server.withClient { client in
        var error: RPCError?
        while error == nil {
          error = await Self.error { try await client.get("Get", []).message } as? RPCError
        }
        #expect(error?.code == .resourceExhausted)
        #expect(error?.message.hasPrefix("'alice' may begin 1 calls a second") == true)
        _ = await server.events.first { event in
          guard case .callRefused = event else { return false }
          return true
        }
      }
    }
  }

  @Test func bytesThatComeTooFastAreSlowedAndNoneIsLost() async throws {
    var limits = TransportLimits()
    limits.bytesPerIdentity = RateLimit(perSecond: 8 << 20, burst: 1)
    try await Harness.withServer(limits: limits) { server in
      try await server.withClient { client in
        let message = Pattern.message(number: 3, size: 1 << 20)
        let echoed = try await client.get("Get", message).message
        #expect(echoed == message)
      }
    }
  }

  // MARK: Slow

  private var hasty: TransportLimits {
    var limits = TransportLimits()
    limits.requestTimeout = .milliseconds(300)
    return limits
  }

  @Test(arguments: [[], [0, 0, 0, 0, 9, 1]] as [[UInt8]])
  func requestThatDoesNotComeWholeIsCut(part: [UInt8]) async throws {
    try await Harness.withServer(limits: self.hasty) { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(RawPeer.post("/test.Echo/Get"), body: part, end: false)
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "4")
      #expect(answer.headers.last?["grpc-message"]?.contains("did not come whole") == true)
    }
  }

  /// Its message is whole, and nothing else would ever end it: the handler waits for the end, too.
  @Test func wholeMessageOfARequestThatDoesNotEndIsCut() async throws {
    try await Harness.withServer(limits: self.hasty) { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Once"), body: RawPeer.frame([1]), end: false)
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "4")
      #expect(answer.headers.last?["grpc-message"]?.contains("did not come whole") == true)
    }
  }

  @Test func pausesBetweenMessagesAreNoDelay() async throws {
    try await Harness.withServer(limits: self.hasty) { server in
      let peer = try RawPeer.connect(to: server.address)
      let open = try peer.request(
        RawPeer.post("/test.Echo/Update"), body: RawPeer.frame([1]), end: false)
      try peer.pump { $0.answers[open]?.data == RawPeer.frame([1]) }
      // As long as the time of the other, which begins later.
      let cut = try peer.request(RawPeer.post("/test.Echo/Get"), body: [], end: false)
      _ = try peer.pump(toEndOf: cut)
      #expect(peer.answers[open]?.ended == false && peer.answers[open]?.reset == nil)
    }
  }

  @Test func headersThatDoNotComeWholeEndTheConnection() async throws {
    try await Harness.withServer(limits: self.hasty) { server in
      let peer = try RawPeer.connect(to: server.address)
      try peer.pump { $0.hasSettings }
      try peer.send(Frames.headers(1, isWhole: false))
      try peer.pumpToEnd()
      let event = await server.events.first { $0.isClosed }
      guard case .connectionClosed(_, let reason) = event else { return }
      #expect(reason == "a request's headers did not come in time")
    }
  }

  @Test func clientThatSaysNothingAfterItsHandshakeIsCut() async throws {
    var limits = TransportLimits()
    limits.handshakeTimeout = .milliseconds(300)
    try await Harness.withServer(limits: limits) { server in
      var reason = ""
      // A busy machine may need longer for the handshake itself.
      while reason != "the client did not begin HTTP/2 in time" {
        let peer = try? RawPeer.connect(to: server.address, speaksHTTP: false)
        guard let peer else { continue }
        try peer.pumpToEnd()
        let event = await server.events.first { $0.isClosed }
        guard case .connectionClosed(_, let text) = event else { return }
        reason = text
      }
    }
  }
}
