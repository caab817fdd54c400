import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// What a client may cost that asks and does not read what it is answered.
@Suite struct UnreadAnswerTests {
  /// A client whose windows let no byte of an answer through.
  private func shut(_ server: Harness.Server) throws -> RawPeer {
    var limits = TransportLimits()
    limits.streamWindow = 0
    let peer = try RawPeer.connect(to: server.address, limits: limits)
    try peer.pump { $0.hasSettings }
    return peer
  }

  /// Makes a call and waits until its answer has begun, or was refused.
  private func begin(_ method: String, _ peer: RawPeer) throws -> (Int32, HeaderList) {
    let stream = try peer.request(
      RawPeer.post("/test.Echo/\(method)"), body: RawPeer.frame([1]))
    try peer.pump { $0.answers[stream]?.headers.isEmpty == false }
    return (stream, try #require(peer.answers[stream]?.headers.first))
  }

  @Test func answersOfAnIdentityAreBoundedAndOthersAreServed() async throws {
    let carriedOut = Lock(0)
    let large: EchoService.Handler = { _, _ in
      carriedOut.withLock { $0 += 1 }
      return StreamingServerResponse { writer in
        try await writer.write(Array(repeating: 7, count: 200_000))
        return [:]
      }
    }
    var limits = TransportLimits()
    limits.answersPerIdentity = 1_000_000
    try await Harness.withServer(EchoService(["Large": large]), limits: limits) { server in
      let peer = try self.shut(server)
      var streams: [Int32] = []
      for _ in 0..<5 {
        let (stream, headers) = try self.begin("Large", peer)
        streams.append(stream)
        #expect(headers["grpc-status"] == nil)
      }
      let (_, refused) = try self.begin("Large", peer)
      #expect(refused["grpc-status"] == "8")
      #expect(
        refused["grpc-message"]
          == "'alice' has 1000000 bytes of answers that are not read, which is the limit: read them, "
          + "or end some calls")
      #expect(carriedOut.withLock { $0 } == 5)
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient { try await $0.get("Get", [1]).message }
      }
      #expect(error?.code == .resourceExhausted)
      let others = try await server.withClient("bob") { try await $0.get("Get", [1]).message }
      #expect(others == [1])
      for stream in streams { try peer.reset(stream) }
      // Read behind the resets.
      _ = try self.begin("Fail", peer)
      let echoed = try await server.withClient { try await $0.get("Get", [1]).message }
      #expect(echoed == [1])
    }
  }

  /// Their handlers have returned, and the answers wait all the same.
  @Test func callsWhoseAnswersAreNotReadAreOpen() async throws {
    var limits = TransportLimits()
    limits.openCallsPerIdentity = 2
    try await Harness.withServer(limits: limits) { server in
      let peer = try self.shut(server)
      for _ in 0..<2 { #expect(try self.begin("Get", peer).1["grpc-status"] == nil) }
      let (_, refused) = try self.begin("Get", peer)
      #expect(refused["grpc-status"] == "8")
      #expect(
        refused["grpc-message"] == "'alice' has 2 open calls, which is the limit: end some")
    }
  }

  @Test func incompleteRequestsOfAnIdentityAreBoundedOverItsConnections() async throws {
    var limits = TransportLimits()
    limits.incompletePerIdentity = 80_000
    try await Harness.withServer(limits: limits) { server in
      let part = RawPeer.frame(Array(repeating: 1, count: 50_000))
      func hold(_ identity: String) throws -> (RawPeer, Int32) {
        let peer = try RawPeer.connect(to: server.address, identity: identity)
        try peer.pump { $0.hasSettings }
        let stream = try peer.request(RawPeer.post("/test.Echo/Once"), body: part, end: false)
        // Answered behind what is held.
        let next = try peer.request(RawPeer.post("/test.Echo/Once"), body: RawPeer.frame([1]))
        #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([1]))
        return (peer, stream)
      }
      let (first, held) = try hold("alice")
      let (second, refused) = try hold("alice")
      #expect(try second.pump(toEndOf: refused).headers.last?["grpc-status"] == "8")
      let (other, others) = try hold("bob")
      #expect(first.answers[held]?.headers.isEmpty == true)
      #expect(other.answers[others]?.headers.isEmpty == true)
    }
  }
}
