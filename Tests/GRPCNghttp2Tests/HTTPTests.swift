import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// What a peer sees that speaks HTTP/2 by hand.
@Suite struct HTTPTests {
  @Test(arguments: [
    (":method", "GET", "405"), ("content-type", "text/plain", "415"),
  ])
  func whatIsNotGRPCGetsAnHTTPStatus(name: String, value: String, status: String) async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      var headers = RawPeer.post("/test.Echo/Get").filter { $0.0 != name }
      headers.insert((name, value), at: name.hasPrefix(":") ? 0 : headers.count)
      let stream = try peer.request(headers)
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.first?[":status"] == status)
    }
  }

  @Test func unknownCompressionIsRefusedWithWhatWeAccept() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Get", extra: [("grpc-encoding", "gzip")]),
        body: RawPeer.frame([1]))
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "12")
      #expect(answer.headers.last?["grpc-accept-encoding"] == "identity")
    }
  }

  @Test func oversizedHeadersAreRefusedAndTheConnectionGoesOn() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let large = String(repeating: "x", count: 10_000)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Get", extra: [("a", large), ("b", large)]))
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "8")
      #expect(answer.headers.last?["grpc-message"] == "headers are larger than 16384 bytes")
      let next = try peer.request(
        RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1, 2]))
      #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([1, 2]))
    }
  }

  @Test func oversizedMessageIsRefusedBeforeItHasCome() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Get"), body: [0, 0xff, 0, 0, 0] + [1, 2, 3], end: false)
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "8")
      #expect(answer.headers.last?["grpc-message"]?.contains("limit of 4194304") == true)
    }
  }

  @Test func methodsMayTakeLessThanOthers() async throws {
    var limits = TransportLimits()
    limits.requestSizes = ["/test.Echo/Get": 10]
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      let body = RawPeer.frame(Array(repeating: 1, count: 11))
      let refused = try peer.request(RawPeer.post("/test.Echo/Get"), body: body)
      let answer = try peer.pump(toEndOf: refused)
      #expect(answer.headers.last?["grpc-status"] == "8")
      #expect(answer.headers.last?["grpc-message"]?.hasSuffix("limit of 10") == true)
      let other = try peer.request(RawPeer.post("/test.Echo/Update"), body: body)
      #expect(try peer.pump(toEndOf: other).data == body)
    }
  }

  @Test func secondMessageForAMethodThatTakesOneIsRefused() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Once"), body: RawPeer.frame([1]) + RawPeer.frame([2]), end: false)
      #expect(try peer.pump(toEndOf: stream).headers.last?["grpc-status"] == "12")
      let next = try peer.request(RawPeer.post("/test.Echo/Once"), body: RawPeer.frame([3]))
      #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([3]))
    }
  }

  @Test func requestThatEndsInsideOfAMessageIsAnError() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Get"), body: [0, 0, 0, 0, 9, 1, 2, 3])
      #expect(try peer.pump(toEndOf: stream).headers.last?["grpc-status"] == "13")
    }
  }

  @Test func answerBeforeTheRequestHasEndedStopsTheSender() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(RawPeer.post("/test.Echo/Fail"), body: [], end: false)
      try peer.pump { $0.answers[stream]?.reset != nil || $0.answers[stream]?.ended == true }
      #expect(peer.answers[stream]?.headers.last?["grpc-status"] == "7")
      let next = try peer.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
      #expect(try peer.pump(toEndOf: next).data == RawPeer.frame([1]))
    }
  }

  /// By nghttp2, as they are fewer than the flood guard allows.
  @Test func resetsBeyondTheirRateEndTheConnection() async throws {
    var limits = TransportLimits()
    limits.resetBurst = 100
    limits.resetsPerSecond = 1
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      do {
        for _ in 0..<1000 {
          let stream = try peer.request(RawPeer.post("/test.Echo/Get"), body: [], end: false)
          try peer.reset(stream)
        }
        try peer.pumpToEnd()
      } catch is SystemError {
        // The server closed before all was sent.
      }
      let event = await server.events.first { $0.isClosed }
      guard case .connectionClosed(_, let reason) = event else {
        Issue.record("\(event)")
        return
      }
      #expect(reason == "both sides had finished")
    }
  }

  @Test func garbageEndsTheConnection() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      try peer.pump { $0.hasSettings }
      try peer.sendGarbage()
      try peer.pumpToEnd()
      let goAways = peer.goAways.count
      #expect(goAways == 1)
    }
  }

  /// HTTP/2 has no place for it whole: what does not fit must not cost the whole answer.
  @Test(arguments: [false, true]) func errorOfAnySizeIsTold(afterHeaders: Bool) async throws {
    let service = EchoService([
      "Long": { _, _ in
        let error = RPCError(
          code: .notFound, message: String(repeating: "ü", count: 50_000),
          metadata: ["key": .string(String(repeating: "x", count: 70_000))])
        guard afterHeaders else { throw error }
        return StreamingServerResponse { writer in
          try await writer.write([1])
          throw error
        }
      }
    ])
    try await Harness.withServer(service) { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(RawPeer.post("/test.Echo/Long"), body: RawPeer.frame([]))
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "5")
      #expect(answer.headers.last?["grpc-message"]?.hasPrefix("%C3%BC") == true)
    }
  }

  @Test func metadataOfAnySizeEndsTheCall() async throws {
    let service = EchoService([
      "Large": { _, _ in
        StreamingServerResponse(
          metadata: ["key": .string(String(repeating: "x", count: 70_000))]
        ) { _ in [:] }
      }
    ])
    try await Harness.withServer(service) { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(RawPeer.post("/test.Echo/Large"), body: RawPeer.frame([]))
      #expect(try peer.pump(toEndOf: stream).headers.last?["grpc-status"] == "8")
    }
  }
}
