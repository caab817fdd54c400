import Glibc
import JobAPI
import JobClient
import Linux
import SwiftProtobuf
import TestSupport
import Testing

/// One job, and everybody wants to see it: over mutual TLS, many streams a connection.
@Suite(.serialized) struct ManyFollowersTests {
  private static let followers = 1000
  private static let connections = 8

  /// What a follower has got, checked as it comes so that nothing is kept.
  private struct Reading: Sendable {
    let expected: [UInt8]
    var count = 0
    var isRight = true

    mutating func take(_ bytes: [UInt8], at offset: Int64) {
      let end = self.count + bytes.count
      self.isRight =
        self.isRight && Int(offset) == self.count && end <= self.expected.count
        && bytes == Array(self.expected[self.count..<min(end, self.expected.count)])
      self.count = end
    }
  }

  @Test(.requiresJobs) func aThousandFollowersGetEveryByteOnce() async throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    // Outside /tmp, which a job has for itself.
    let folder = try TemporaryDirectory(in: "/var/lib", mode: 0o755)
    let gate = folder.path("gate")
    try #require(await Shell.run(["mkfifo", "-m", "666", gate]) == 0)
    let expected = Array(("ready\n" + (1...1000).map { "\($0)\n" }.joined()).utf8)
    try await withWorkerServer(certificates: certificates) { server in
      let clients = try (0..<Self.connections).map { _ in try server.client("alice") }
      let job = try await clients[0].start(
        .with { $0.command = ["sh", "-c", "echo ready; cat \(gate); seq 1 1000"] })
      let (began, beginning) = AsyncStream<Void>.makeStream()
      try await withThrowingTaskGroup(of: Reading.self) { group in
        for index in 0..<Self.followers {
          group.addTask {
            let reading = Lock(Reading(expected: expected))
            let client = clients[index % Self.connections]
            let end = try await client.output(of: OutputRequest(job: job.id)) { chunk in
              let bytes = [UInt8](chunk.data)
              let isFirst = reading.withLock { reading in
                defer { reading.take(bytes, at: chunk.offset) }
                return reading.count == 0
              }
              if isFirst { beginning.yield() }
            }
            #expect(end.complete && end.stdoutBytes == expected.count)
            return reading.withLock { $0 }
          }
        }
        var waiting = Self.followers
        for await _ in began {
          waiting -= 1
          if waiting == 0 { break }
        }
        try File.writeText("", to: gate)  // all of them are there now
        var right = 0
        for try await reading in group {
          if reading.isRight, reading.count == expected.count { right += 1 }
        }
        #expect(right == Self.followers)
      }
    }
  }
}
