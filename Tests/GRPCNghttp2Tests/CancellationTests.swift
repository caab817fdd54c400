import GRPCCore
import Testing

@testable import GRPCNghttp2

@Suite struct CancellationTests {
  /// A method that runs until it is cancelled, and tells by which way it learnt of that.
  private static func waiting(_ log: Probe) -> EchoService.Handler {
    { request, context in
      StreamingServerResponse { writer in
        try await writer.write([1])
        log.add("started")
        await withTaskCancellationHandler {
          do {
            for try await _ in request.messages {}
            log.add("request ended")
            try await context.cancellation.cancelled
            log.add("handle cancelled")
          } catch {
            log.add("request failed")
            if context.cancellation.isCancelled { log.add("handle cancelled") }
          }
        } onCancel: {
          log.add("task cancelled")
        }
        return [:]
      }
    }
  }

  @Test func cancelledCallReachesTheHandler() async throws {
    let log = Probe()
    try await Harness.withServer(EchoService(["Wait": Self.waiting(log)])) { server in
      try await server.withClient { client in
        let call = Task {
          try await client.expand("Wait", []) { response in
            for try await _ in response.messages {}
          }
        }
        await log.wait("started")
        call.cancel()
        let error = await #expect(throws: RPCError.self) { try await call.value }
        #expect(error?.code == .cancelled)
        await log.wait("task cancelled")
        await log.wait("handle cancelled")
      }
    }
  }

  @Test(arguments: ["reset", "half-close", "close"])
  func handlerEndsWhenItsClientGoes(how: String) async throws {
    let log = Probe()
    try await Harness.withServer(EchoService(["Wait": Self.waiting(log)])) { server in
      var peer: RawPeer? = try RawPeer.connect(to: server.address)
      let stream = try peer?.request(RawPeer.post("/test.Echo/Wait"), body: [], end: false) ?? 0
      try peer?.pump { $0.answers[stream]?.data.isEmpty == false }
      switch how {
      case "reset": try peer?.reset(stream)
      case "half-close": peer?.shutdownWrite()
      default: peer = nil
      }
      await log.wait("task cancelled")
      await log.wait("request failed")
      await log.wait("handle cancelled")
      withExtendedLifetime(peer) {}
    }
  }

  @Test func readerThatStopsEndsTheCall() async throws {
    let log = Probe()
    let endless: EchoService.Handler = { _, _ in
      StreamingServerResponse { writer in
        do {
          while true { try await writer.write(Array(repeating: 7, count: 10_000)) }
        } catch {
          log.add("writer failed")
          throw error
        }
      }
    }
    try await Harness.withServer(EchoService(["Endless": endless])) { server in
      try await server.withClient { client in
        let first = try await client.expand("Endless", []) { response in
          for try await message in response.messages { return message.count }
          return 0
        }
        #expect(first == 10_000)
        await log.wait("writer failed")
      }
    }
  }

  @Test func deadlineOnTheClientEndsTheCallOnBothSides() async throws {
    let log = Probe()
    try await Harness.withServer(EchoService(["Wait": Self.waiting(log)])) { server in
      try await server.withClient { client in
        var options = CallOptions.defaults
        var timeout = Duration.milliseconds(50)
        // On a busy machine a deadline may pass before the call has reached the server.
        while !log.has("started") {
          timeout *= 2
          options.timeout = timeout
          let limited = options
          let error = await #expect(throws: RPCError.self) {
            try await client.expand("Wait", [], options: limited) { response in
              for try await _ in response.messages {}
            }
          }
          #expect(error?.code == .deadlineExceeded)
        }
        await log.wait("task cancelled")
        await log.wait("handle cancelled")
      }
    }
  }

  /// The server's own word: the peer has no clock of its own.
  @Test(arguments: [true, false])
  func expiredDeadlineIsNeverOK(handlerWaits: Bool) async throws {
    let gate = Probe()
    let late: EchoService.Handler = { _, context in
      if handlerWaits {
        try? await context.cancellation.cancelled
      } else {
        // Ends with an OK of its own long after the deadline, deaf to cancellation.
        await gate.wait("late")
      }
      return StreamingServerResponse { _ in [:] }
    }
    try await Harness.withServer(EchoService(["Late": late])) { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Late", extra: [("grpc-timeout", "50m")]),
        body: RawPeer.frame([]))
      let answer = try peer.pump(toEndOf: stream)
      #expect(answer.headers.last?["grpc-status"] == "4")
      gate.add("late")
    }
  }

  @Test func deadlineOfZeroIsExceededAtOnce() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer.connect(to: server.address)
      let stream = try peer.request(
        RawPeer.post("/test.Echo/Get", extra: [("grpc-timeout", "0n")]), body: RawPeer.frame([]))
      #expect(try peer.pump(toEndOf: stream).headers.last?["grpc-status"] == "4")
    }
  }

  @Test func callInTimeIsOK() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        var options = CallOptions.defaults
        options.timeout = .seconds(60)
        let echoed = try await client.get("Get", [5], options: options).message
        #expect(echoed == [5])
      }
    }
  }

  @Test func readerThatOutlivesItsHandlerIsToldOfTheEnd() async throws {
    let log = Probe()
    let leaving: EchoService.Handler = { request, _ in
      Task {
        do { for try await _ in request.messages {} } catch {}
        log.add("reader ended")
      }
      return StreamingServerResponse { _ in [:] }
    }
    try await Harness.withServer(EchoService(["Leave": leaving])) { server in
      let peer = try RawPeer.connect(to: server.address)
      _ = try peer.request(RawPeer.post("/test.Echo/Leave"), body: [], end: false)
      await log.wait("reader ended")
      withExtendedLifetime(peer) {}
    }
  }
}
