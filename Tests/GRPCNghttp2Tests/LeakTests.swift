import Foundation
import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// Only what belongs to the test's own server is counted, as other tests run at the same time.
@Suite struct LeakTests {
  /// Open descriptors of this process that are sockets on `port`.
  private func sockets(_ port: UInt16) throws -> Int {
    let folder = "/proc/self/fd"
    var inodes: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
      if let target, target.hasPrefix("socket:[") {
        inodes.insert(String(target.dropFirst(8).dropLast()))
      }
    }
    let hexadecimal = String(port, radix: 16, uppercase: true)
    let padded = String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
    let table = try String(contentsOfFile: "/proc/self/net/tcp", encoding: .utf8)
    return table.split(separator: "\n").dropFirst().filter { line in
      let fields = line.split(separator: " ")
      return (fields[1].hasSuffix(":" + padded) || fields[2].hasSuffix(":" + padded))
        && inodes.contains(String(fields[9]))
    }.count
  }

  @Test func noSocketIsLeftOfManyConnections() async throws {
    try await Harness.withServer { server in
      for number in 0..<60 {
        switch number % 3 {
        case 0:
          _ = try await server.withClient { try await $0.get("Get", [1]).message }
        case 1:
          _ = try? await server.withClient("mallory") { try await $0.get("Get", [1]).message }
        default:
          let peer = try RawPeer.connect(to: server.address)
          _ = try peer.request(RawPeer.post("/test.Echo/Update"), body: [], end: false)
        }
      }
      // Those that linger do so for a second at most; the listening socket stays.
      let clock = ContinuousClock()
      let latest = clock.now + .seconds(10)
      while try self.sockets(server.address.port) > 1, clock.now < latest {
        try await Task.sleep(for: .milliseconds(20))
      }
      let left = try self.sockets(server.address.port)
      #expect(left == 1)
    }
  }
}
