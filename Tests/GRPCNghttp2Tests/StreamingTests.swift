import GRPCCore
import Testing

@testable import GRPCNghttp2

@Suite struct StreamingTests {
  @Test(arguments: [true, false]) func unaryEchoes(onLoop: Bool) async throws {
    try await Harness.withServer { server in
      try await server.withClient(onLoop: onLoop) { client in
        for size in [0, 1, 16_384, 65_535, 65_536, 65_537, 3_000_000] {
          let message = Pattern.message(number: size, size: size)
          let response = try await client.get("Get", message)
          #expect(try response.message == message)
        }
      }
    }
  }

  @Test func metadataGoesBothWays() async throws {
    let metadata: Metadata = ["x-text": "value", "x-bin": [0, 255, 7]]
    try await Harness.withServer { server in
      try await server.withClient { client in
        let response = try await client.get("Get", [], metadata: metadata)
        #expect(Array(response.metadata[stringValues: "x-text"]) == ["value"])
        #expect(Array(response.metadata[binaryValues: "x-bin"]) == [[0, 255, 7]])
        #expect(Array(response.trailingMetadata[binaryValues: "x-bin"]) == [[0, 255, 7]])
      }
    }
  }

  @Test func statusAndMessageReachTheClient() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let error = await #expect(throws: RPCError.self) {
          try await client.get("Fail", []).message
        }
        #expect(error?.code == .permissionDenied)
        #expect(error?.message == "no: 100% Ünfug\n")
        #expect(error.map { Array($0.metadata[binaryValues: "why-bin"]) } == [[0, 255]])
      }
    }
  }

  @Test func unknownMethodIsUnimplemented() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let error = await #expect(throws: RPCError.self) {
          try await client.get("Nothing", []).message
        }
        #expect(error?.code == .unimplemented)
      }
    }
  }

  @Test func clientStreamIsCollected() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let total = try await client.collect(count: 300, size: 10_000)
        #expect(total == 3_000_000)
      }
    }
  }

  @Test(arguments: [true, false]) func bidirectionalStreamEchoes(onLoop: Bool) async throws {
    try await Harness.withServer { server in
      try await server.withClient(onLoop: onLoop) { client in
        let received = try await client.bidirectionalStreaming(
          request: StreamingClientRequest { writer in
            for number in 0..<500 {
              try await writer.write(Pattern.message(number: number, size: number * 7))
            }
          },
          descriptor: EchoService.method("Update"), serializer: RawBytes(),
          deserializer: RawBytes(), options: .defaults
        ) { response in
          var number = 0
          for try await message in response.messages {
            #expect(message == Pattern.message(number: number, size: number * 7))
            number += 1
          }
          return number
        }
        #expect(received == 500)
      }
    }
  }

  @Test(arguments: [(1024, 65_536), (64, 1 << 20), (5000, 100), (17, 4 << 20)])
  func serverStreamIsExact(count: Int, size: Int) async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let received = try await client.expand("Expand", Array("\(count) \(size)".utf8)) {
          response in
          var number = 0
          for try await message in response.messages {
            guard message == Pattern.message(number: number, size: size) else { break }
            number += 1
          }
          return number
        }
        #expect(received == count)
      }
    }
  }

  @Test func manyCallsAtOnce() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        try await withThrowingTaskGroup(of: Bool.self) { group in
          for number in 0..<2000 {
            group.addTask {
              let message = Pattern.message(number: number, size: number % 300)
              return try await client.get("Get", message).message == message
            }
          }
          for try await isEqual in group { #expect(isEqual) }
        }
      }
    }
  }

  @Test func identityReachesTheHandler() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let text = try await client.get("Who", []).message
        #expect(
          String(decoding: text, as: UTF8.self)
            == #"alice ["user", "viewer"] ["spiffe://example.org/user/alice"]"#)
      }
    }
  }
}

extension GRPCClient {
  func collect(count: Int, size: Int) async throws -> Int {
    try await self.clientStreaming(
      request: StreamingClientRequest { writer in
        for number in 0..<count {
          try await writer.write(Pattern.message(number: number, size: size))
        }
      },
      descriptor: EchoService.method("Collect"), serializer: RawBytes(), deserializer: RawBytes(),
      options: .defaults
    ) { response in
      Int(String(decoding: try response.message, as: UTF8.self)) ?? -1
    }
  }
}
