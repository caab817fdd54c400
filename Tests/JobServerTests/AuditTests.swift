import GRPCCore
import JobAPI
import JobEngine
import Linux
import SwiftProtobuf
import TestSupport
import Testing

@testable import JobServer

/// Which lines calls and jobs leave.
@Suite struct AuditTests {
  private static let ownID = "aaaaaaaaaaaaaaaa"
  private static let foreignID = "bbbbbbbbbbbbbbbb"

  /// The lines that `body` leaves, as objects, without the first.
  private static func lines(
    _ engine: FakeEngine, roles: [String] = ["user"], policy: Policy = .builtIn,
    _ body: @Sendable (Service) async throws -> Void
  ) async throws -> [[String: Google_Protobuf_Value]] {
    let folder = try TemporaryDirectory()
    let path = folder.path("audit.log")
    let log = try AuditLog(path)
    try await withService(
      engine, as: peer("alice", roles: roles), policy: policy, audit: log, body)
    #expect(await log.record(AuditEntry(.closed)) == nil)
    var check = AuditCheck()
    try check.read(path)
    return try File.readText(path).split(separator: "\n").dropFirst().dropLast().map {
      try Google_Protobuf_Struct(jsonString: String($0)).fields
    }
  }

  @Test func aStartIsWrittenDownBeforeAndAfter() async throws {
    let engine = FakeEngine()
    let lines = try await Self.lines(engine) { service in
      _ = try await service.startJob(
        .with {
          $0.spec.command = ["deploy", "--token=canary-argument"]
          $0.spec.environment = ["TOKEN": "canary-value"]
        })
    }
    #expect(lines.map { $0["event"]?.stringValue } == ["decision", "started"])
    let decision = try #require(lines.first)
    #expect(decision["identity"]?.stringValue == "alice" && decision["serial"]?.stringValue == "01")
    #expect(decision["method"]?.stringValue == "StartJob")
    #expect(decision["decision"]?.stringValue == "allowed")
    #expect(decision["spec"]?.stringValue.count == 64)
    #expect(decision["time"]?.stringValue.hasSuffix("Z") == true)
    let started = try #require(lines.last)
    #expect(started["job"]?.stringValue == FakeEngine.newID.description)
    #expect(started["serial"] == decision["serial"] && started["spec"] == decision["spec"])
    #expect(!"\(lines)".contains("canary"))
  }

  @Test(arguments: [(false, ["decision", "started"]), (true, ["decision"])])
  func aStartIsToldOnceHoweverSoonTheJobEnds(isRepeated: Bool, events: [String]) async throws {
    let engine = FakeEngine()
    engine.answer.withLock { $0 = (.finished, isRepeated) }
    let lines = try await Self.lines(engine) { service in
      _ = try await service.startJob(.with { $0.spec.command = ["true"] })
    }
    #expect(lines.map { $0["event"]?.stringValue } == events)
  }

  @Test func equalSpecsHaveOneDigest() async throws {
    let lines = try await Self.lines(FakeEngine()) { service in
      for value in ["1", "1", "2"] {
        _ = try await service.startJob(
          .with {
            $0.spec.command = ["true"]
            $0.spec.environment = ["A": value, "B": "b", "C": "c", "D": "d"]
          })
      }
    }
    let digests = lines.filter { $0["event"]?.stringValue == "decision" }
      .compactMap { $0["spec"]?.stringValue }
    #expect(digests.count == 3 && digests[0] == digests[1] && digests[1] != digests[2])
  }

  /// One line a call, for every method, and refused where it was refused.
  @Test(arguments: [
    ("own", ["user"], "allowed"), ("foreign", ["user"], "refused"),
    ("missing", ["user"], "refused"),
    ("own", ["unknown"], "refused"), ("foreign", ["admin"], "allowed"),
  ])
  func everyCallLeavesOneLine(job which: String, roles: [String], decision: String) async throws {
    let id = ["own": Self.ownID, "foreign": Self.foreignID][which] ?? "cccccccccccccccc"
    let engine = FakeEngine([
      job(Self.ownID, owner: "alice", state: .finished),
      job(Self.foreignID, owner: "bob", state: .finished),
    ])
    let methods = JobServer.Method.allCases.filter { ![.startJob, .planJob].contains($0) }
    let lines = try await Self.lines(engine, roles: roles) { service in
      for method in methods {
        _ = await failure { try await AuthorizationTests.call(method, on: id, service) }
      }
    }
    #expect(lines.map { $0["method"]?.stringValue } == methods.map(\.rawValue))
    let ofJobs = lines.filter { line in
      let withoutJob = ["ListJobs", "GetServerInfo", "WhoAmI", "CheckAccess"]
      return roles == ["unknown"] || !withoutJob.contains(line["method"]?.stringValue ?? "")
    }
    #expect(Set(ofJobs.map { $0["decision"]?.stringValue }) == [decision])
    if decision == "allowed" {
      #expect(Set(ofJobs.map { $0["job"]?.stringValue }) == [id])
    } else {
      #expect(ofJobs.allSatisfy { $0["reason"]?.stringValue.isEmpty == false })
    }
  }

  /// What was never to be: no line says that it was allowed.
  @Test func aCallThatAsksForTooMuchIsRefusedAndNeverAllowed() async throws {
    let engine = FakeEngine([job(Self.ownID, owner: "alice")])
    let text = #"{"roles": {"r": {"methods": {"*": "own"}, "job": {"max": {"pids": 9}}}}}"#
    let policy = try PolicyFile.parse(text, path: "p")
    let lines = try await Self.lines(engine, roles: ["r"], policy: policy) { service in
      _ = await failure {
        _ = try await service.updateJob(
          .with {
            $0.job = Self.ownID
            $0.limits.pids = 10
          })
      }
      _ = await failure {
        _ = try await service.checkAccess(
          .with {
            $0.method = "GetJob"
            $0.name = "bob"
          })
      }
    }
    #expect(lines.map { $0["method"]?.stringValue } == ["UpdateJob", "CheckAccess"])
    #expect(lines.allSatisfy { $0["decision"]?.stringValue == "refused" })
  }

  @Test func whatWasAllowedAndCameToNothingSaysSo() async throws {
    let engine = FakeEngine(failure: WorkerError(.resourceExhausted, "jobs: 2 of 2"))
    let lines = try await Self.lines(engine) { service in
      _ = await failure { _ = try await service.startJob(.with { $0.spec.command = ["true"] }) }
    }
    #expect(lines.map { $0["decision"]?.stringValue } == ["allowed", "failed"])
    #expect(lines.last?["reason"]?.stringValue.contains("jobs: 2 of 2") == true)
    #expect(lines.first?["spec"] == lines.last?["spec"])
  }

  @Test func aRefusedStartSaysOfWhat() async throws {
    let lines = try await Self.lines(FakeEngine()) { service in
      _ = await failure {
        _ = try await service.startJob(
          .with {
            $0.spec.command = ["true"]
            $0.spec.user = "root"
          })
      }
    }
    #expect(lines.map { $0["decision"]?.stringValue } == ["refused"])
    #expect(lines.first?["spec"]?.stringValue.count == 64)
  }

  /// The order was given: who leaves before the end, or is sent away, has stopped the job all the same.
  @Test func aStopThatNobodyWaitsForDidNotFail() async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("a"))
    let calls = LongCalls()
    let engine = FakeEngine([job(Self.ownID, owner: "alice", state: .stopping)])
    try await withService(
      engine, as: peer("alice", roles: ["user"]), longCalls: calls, audit: log
    ) { service in
      async let error = failure { _ = try await service.stopJob(.with { $0.job = Self.ownID }) }
      while engine.calls.withLock({ $0.isEmpty }) { await Task.yield() }
      calls.end()
      #expect(await error?.code == .unavailable)
    }
    let text = try File.readText(folder.path("a"))
    #expect(text.contains("\"decision\":\"allowed\"") && !text.contains("\"failed\""))
  }

  @Test func aFollowThatANewPolicyEndsIsWrittenDown() async throws {
    let none = try PolicyFile.parse(#"{"roles": {"admin": {"methods": {"*": "any"}}}}"#, path: "p")
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("a"))
    let calls = LongCalls()
    let engine = FakeEngine([job(Self.ownID, owner: "alice")])
    try await withService(
      engine, as: peer("alice", roles: ["user"]), longCalls: calls, audit: log
    ) { service in
      async let error = failure { _ = try await service.waitJob(.with { $0.job = Self.ownID }) }
      calls.checkAgain(under: none)
      #expect(await error?.code == .permissionDenied)
    }
    #expect(await log.record(AuditEntry(.closed)) == nil)
    let text = try File.readText(folder.path("a"))
    #expect(text.contains("\"decision\":\"refused\"") && text.contains("any more"))
  }

  @Test func strangersAreNamedByTheirCertificate() async throws {
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("a"))
    let stranger = peer("mallory", roles: ["admin"], domain: "elsewhere.example")
    try await withService(FakeEngine(), as: stranger, audit: log) { service in
      _ = await failure { _ = try await service.listJobs(Worker_V1_ListJobsRequest()) }
    }
    _ = await log.record(AuditEntry(.closed))
    let text = try File.readText(folder.path("a"))
    #expect(text.contains("spiffe://elsewhere.example/user/mallory"))
    #expect(text.contains("\"decision\":\"refused\""))
  }

  /// A disk that is full: nothing is started, everything else goes on.
  @Test(.requiresRoot, arguments: [true, false])
  func aFullDiskRefusesStartsUnlessToldOtherwise(isRequired: Bool) async throws {
    let engine = FakeEngine([job(Self.ownID, owner: "alice")])
    try await withSmallDisk("8k") { disk in
      let log = try AuditLog("\(disk)/audit.log", isRequired: isRequired)
      var entry = AuditEntry(.reloaded)
      entry.reason = String(repeating: "x", count: 900)
      while await log.record(entry) == nil {}
      // Not even a short line finds room.
      while await log.record(AuditEntry(.reloaded)) == nil {}
      try await withService(engine, as: peer("alice", roles: ["user"]), audit: log) { service in
        let start = await failure {
          _ = try await service.startJob(.with { $0.spec.command = ["true"] })
        }
        #expect(start?.code == (isRequired ? .failedPrecondition : nil))
        if isRequired { #expect(start?.message.contains("No space left on device") == true) }
        let stop = await failure { _ = try await service.stopJob(.with { $0.job = Self.ownID }) }
        #expect(stop == nil)
      }
    }
    let started = engine.calls.withLock { $0 }.filter { $0.hasPrefix("start") }
    #expect(started.isEmpty == isRequired)
  }
}
