import GRPCCore
import Testing

@testable import GRPCNghttp2

@Suite struct StreamingTests {
  @Test func unaryEchoes() async throws {
    try await Harness.withServer { server in
      try await server.withClient { client in
        let response = try await client.get("Get", [1, 2, 3])
        #expect(try response.message == [1, 2, 3])
      }
    }
  }

  @Test func serverStreamIsExact() async throws {
    let count = 1024
    try await Harness.withServer { server in
      try await server.withClient { client in
        let received = try await client.expand("Expand", Array("\(count) 65536".utf8)) { response in
          var number = 0
          for try await message in response.messages {
            #expect(message == Pattern.message(number: number, size: 65536))
            number += 1
          }
          return number
        }
        #expect(received == count)
      }
    }
  }
}
