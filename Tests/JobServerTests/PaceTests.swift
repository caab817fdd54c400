import GRPCCore
import GRPCNghttp2
import JobAPI
import JobClient
import Linux
import Logging
import SwiftProtobuf
import TestSupport
import Testing

@testable import JobServer

/// What callers and strangers may do how often.
@Suite struct PaceTests {
  @Test func startsBeyondTheRateAreRefusedAndTold() async throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    let lines = Lock<[String]>([])
    try await withServer(
      FakeEngine(), certificates: certificates,
      log: .lines { line in lines.withLock { $0.append(line) } },
      configure: { $0.startsPerCaller = RateLimit(perSecond: 1, burst: 1) }
    ) { server in
      let alice = try server.client("alice")
      var refusal: RPCError?
      while refusal == nil {  // one a second, and a busy machine may need longer for two
        refusal = await failure {
          _ = try await alice.start(Worker_V1_JobSpec.with { $0.command = ["true"] })
        }
      }
      #expect(refusal?.code == .resourceExhausted)
      #expect(refusal?.message.hasPrefix("alice may start 1 jobs a second: try again in ") == true)
      // Others are not held up.
      let other = await failure {
        _ = try await server.client("admin").start(.with { $0.command = ["true"] })
      }
      #expect(other?.code != .resourceExhausted)
    }
    let told = lines.withLock { $0 }.filter { $0.contains("starts refused") }
    #expect(told.count == 1 && told[0].contains("by=alice"))
  }

  @Test func linesBeyondTheRateAreCountedAndNotWritten() {
    var pace = LinePace()
    let now: Int64 = 1_000_000_000_000
    let burst = (0..<100).compactMap { _ in pace.next(now: now) }
    #expect(burst.count == 50)
    let later = pace.next(now: now + 1_000_000_000)
    #expect(later == LinePace.Line(withheld: 50))
  }

  @Test func strangersCannotFillTheLog() throws {
    let lines = Lock<[String]>([])
    let log = TransportLog(.lines { line in lines.withLock { $0.append(line) } }, now: { 1 })
    let peer = try #require(IPEndpoint(host: "10.0.0.1", port: 9))
    for _ in 0..<1000 { log.add(.handshakeRefused(peer: peer, reason: "for a test")) }
    log.add(.flooded(peer: peer, by: "'alice'", reason: "flood"))
    let written = lines.withLock { $0 }
    #expect(written.count == 51)
    #expect(written.last?.contains("by='alice'") == true)
    #expect(written.last?.contains("connection ended") == true)
  }
}
