import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

@Suite struct FlowControlTests {
  private static func small() -> TransportLimits {
    var limits = TransportLimits()
    limits.streamWindow = 65_535
    limits.connectionWindow = 65_535
    return limits
  }

  @Test func messageLargerThanTheWindowsArrives() async throws {
    let message = Pattern.message(number: 3, size: 4 << 20)
    try await Harness.withServer(limits: Self.small()) { server in
      try await server.withClient(limits: Self.small()) { client in
        let echoed = try await client.get("Get", message).message
        #expect(echoed == message)
      }
    }
  }

  @Test func largeMessagesBehindUnreadOnesArrive() async throws {
    try await Harness.withServer(limits: Self.small()) { server in
      try await server.withClient(limits: Self.small()) { client in
        let sizes = [10, 200_000, 5, 1_000_000, 1, 70_000]
        let received = try await client.bidirectionalStreaming(
          request: StreamingClientRequest { writer in
            for size in sizes { try await writer.write(Pattern.message(number: size, size: size)) }
          },
          descriptor: EchoService.method("Update"), serializer: RawBytes(),
          deserializer: RawBytes(), options: .defaults
        ) { response in
          var received: [Int] = []
          for try await message in response.messages {
            #expect(message == Pattern.message(number: message.count, size: message.count))
            received.append(message.count)
          }
          return received
        }
        #expect(received == sizes)
      }
    }
  }

  /// Writes messages of 10 kB until it fails; counts those that were taken.
  private static func endless(_ count: Counter, _ log: Probe) -> EchoService.Handler {
    { _, _ in
      StreamingServerResponse { writer in
        do {
          while true {
            try await writer.write(Array(repeating: 7, count: 10_000))
            count.add()
          }
        } catch {
          log.add("writer failed")
          throw error
        }
      }
    }
  }

  @Test func writerWaitsForAPeerThatDoesNotRead() async throws {
    let (count, log) = (Counter(), Probe())
    let service = EchoService(["Endless": Self.endless(count, log)])
    try await Harness.withServer(service) { server in
      let peer = try RawPeer.connect(to: server.address)
      peer.givesCredit = false
      let stream = try peer.request(RawPeer.post("/test.Echo/Endless"), body: RawPeer.frame([]))
      let window = TransportLimits().streamWindow
      try peer.pump { $0.answers[stream]?.data.count == window }
      // One more round trip on the connection: what the writer could do, it has done.
      let other = try peer.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
      _ = try peer.pump(toEndOf: other)
      let most = (window + OutboundQueue.highWaterMark) / 10_000 + 2
      #expect(count.value <= most)
      #expect(!log.has("writer failed"))
      try peer.reset(stream)
      await log.wait("writer failed")
    }
  }

  @Test func slowReaderStallsNobodyElse() async throws {
    let (count, log) = (Counter(), Probe())
    let service = EchoService(["Endless": Self.endless(count, log)])
    try await Harness.withServer(service) { server in
      try await server.withClient { client in
        // Five readers that stop hold five windows, more than the connection's own window.
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<5 {
            group.addTask {
              try await client.expand("Endless", []) { response in
                var messages = response.messages.makeAsyncIterator()
                _ = try await messages.next()
                log.add("reading \(number)")
                await log.wait("go on")
              }
            }
          }
          for number in 0..<5 { await log.wait("reading \(number)") }
          let large = Pattern.message(number: 1, size: 3 << 20)
          for _ in 0..<4 {
            let echoed = try await client.get("Get", large).message
            #expect(echoed == large)
          }
          log.add("go on")
          try await group.waitForAll()
        }
        await log.wait("writer failed")
      }
    }
  }

  @Test func unreadRequestsOfEndedCallsAreGivenBack() async throws {
    // Each call leaves most of its request unread; together far more than any window.
    let deaf: EchoService.Handler = { request, _ in
      for try await _ in request.messages { break }
      return StreamingServerResponse { _ in [:] }
    }
    var limits = TransportLimits()
    limits.unreadPerConnection = 1 << 20
    try await Harness.withServer(EchoService(["Deaf": deaf]), limits: limits) { server in
      try await server.withClient { client in
        for _ in 0..<20 {
          _ = try? await client.clientStreaming(
            request: StreamingClientRequest { writer in
              for _ in 0..<30 { try await writer.write(Array(repeating: 1, count: 100_000)) }
            },
            descriptor: EchoService.method("Deaf"), serializer: RawBytes(),
            deserializer: RawBytes(), options: .defaults
          ) { response in try response.message }
        }
        let large = Pattern.message(number: 1, size: 3 << 20)
        let echoed = try await client.get("Get", large).message
        #expect(echoed == large)
      }
    }
  }
}
