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
      #expect(
        refusal?.message.hasPrefix("alice may start or plan 1 jobs a second: try again in ") == true
      )
      // Others are not held up.
      let other = await failure {
        _ = try await server.client("admin").start(.with { $0.command = ["true"] })
      }
      #expect(other?.code != .resourceExhausted)
    }
    let told = lines.withLock { $0 }.filter { $0.contains("starts refused") }
    #expect(told.count == 1 && told[0].contains("by=alice"))
  }

  private func lines(_ path: String) throws -> [[String: Google_Protobuf_Value]] {
    var check = AuditCheck()
    try check.read(path)
    return try File.readText(path).split(separator: "\n").map {
      try Google_Protobuf_Struct(jsonString: String($0)).fields
    }
  }

  /// Refused by the transport and by the gate alike: the audit file has both, under one name.
  @Test(arguments: ["calls", "starts"])
  func callsBeyondAnIdentitysLimitsAreAudited(_ limit: String) async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("audit.log"))
    try await withServer(
      FakeEngine(), certificates: try TestCertificates(["alice": ["user"]]),
      configure: {
        $0.audit = log
        let rate = RateLimit(perSecond: 1, burst: 1)
        if limit == "calls" { $0.limits.callsPerIdentity = rate } else { $0.startsPerCaller = rate }
      }
    ) { server in
      let alice = try server.client("alice")
      while await failure({ _ = try await alice.start(.with { $0.command = ["true"] }) })?.code
        != .resourceExhausted
      {}
    }
    let refused = try self.lines(folder.path("audit.log")).filter {
      $0["decision"]?.stringValue == "refused"
    }
    let line = try #require(refused.first)
    #expect(line["identity"]?.stringValue == "alice" && line["method"]?.stringValue == "StartJob")
    #expect(line["reason"]?.stringValue.contains("a second") == true)
    #expect(line["serial"]?.stringValue.isEmpty == false && line["peer"] != nil)
  }

  @Test func methodsThatNobodyServesAreAudited() async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("audit.log"))
    let audit = TransportAudit(log, trustDomain: "worker.local")
    let endpoint = try #require(IPEndpoint(host: "10.0.0.1", port: 9))
    audit.add(
      .methodUnknown(
        peer: endpoint, identity: peer("alice", roles: ["user"]), method: "/worker.v1.Other/Do"))
    #expect(await log.record(AuditEntry(.closed)) == nil)
    let line = try #require(try self.lines(folder.path("audit.log")).dropFirst().first)
    #expect(line["method"]?.stringValue == "/worker.v1.Other/Do")
    #expect(line["decision"]?.stringValue == "refused" && line["identity"]?.stringValue == "alice")
  }

  @Test func whoIsCutOffWithTheCertificateIsAudited() async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("audit.log"))
    let audit = TransportAudit(log, trustDomain: "worker.local")
    let endpoint = try #require(IPEndpoint(host: "10.0.0.1", port: 9))
    audit.add(
      .identityLost(
        peer: endpoint, identity: peer("alice", roles: ["user"]), reason: "not accepted any more"))
    #expect(await log.record(AuditEntry(.closed)) == nil)
    let line = try #require(try self.lines(folder.path("audit.log")).dropFirst().first)
    #expect(line["decision"]?.stringValue == "refused" && line["identity"]?.stringValue == "alice")
    #expect(line["reason"]?.stringValue == "connection ended: not accepted any more")
  }

  /// Somebody without rights asks all day: the audit file has each decision, the log some.
  @Test func refusalsCannotFillTheLog() async throws {
    let lines = Lock<[String]>([])
    try await withService(
      FakeEngine(), as: peer("mallory", roles: ["unknown"]),
      log: .lines { line in lines.withLock { $0.append(line) } }
    ) { service in
      for _ in 0..<300 { _ = await failure { _ = try await service.getServerInfo(.init()) } }
    }
    let written = lines.withLock { $0 }.filter { $0.contains("call refused") }.count
    #expect(written >= 50 && written < 300, "\(written)")
  }

  @Test func refusalsBeyondTheRateAreCountedForEachIdentity() async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("audit.log"))
    let now = Lock<Int64>(1_000_000_000)
    let audit = TransportAudit(log, trustDomain: "worker.local", now: { now.withLock { $0 } })
    let endpoint = try #require(IPEndpoint(host: "10.0.0.1", port: 9))
    func refuse(_ name: String) {
      audit.add(
        .callRefused(
          peer: endpoint, identity: peer(name, roles: ["user"]), method: "GetJob",
          reason: "for a test"))
    }
    for _ in 0..<1000 { refuse("alice") }
    refuse("bob")
    now.withLock { $0 += 1_000_000_000 }
    refuse("alice")
    audit.add(.handshakeRefused(peer: endpoint, reason: "a stranger", fault: .cut))
    audit.add(.connectionRefused(peer: endpoint, identity: nil, reason: "a stranger"))
    #expect(await log.record(AuditEntry(.closed)) == nil)
    let lines = try self.lines(folder.path("audit.log")).dropFirst().dropLast()
    #expect(lines.count == 52)
    #expect(lines.filter { $0["identity"]?.stringValue == "bob" }.count == 1)
    #expect(lines.last?["count"]?.numberValue == 950)
  }

  @Test func whoWasRefusedLongAgoTakesNoPlace() {
    let now = Lock<Int64>(0)
    let paces = LinePaces(now: { now.withLock { $0 } })
    for index in 0..<5000 { _ = paces.next("early \(index)") }
    now.withLock { $0 = 3_600_000_000_000 }
    for _ in 0..<50 { #expect(paces.next("late") != nil) }
    // Not one that all share, of which others would take their part.
    for _ in 0..<50 { #expect(paces.next("other") != nil) }
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
    for _ in 0..<1000 { log.add(.handshakeRefused(peer: peer, reason: "for a test", fault: .cut)) }
    log.add(
      .flooded(
        peer: peer, identity: JobServerTests.peer("alice", roles: []), by: "'alice'",
        reason: "flood"))
    let written = lines.withLock { $0 }
    #expect(written.count == 51)
    #expect(written.last?.contains("by='alice'") == true)
    #expect(written.last?.contains("connection ended") == true)
  }
}
