import GRPCCore
import JobAPI
import JobEngine
import Linux
import SwiftProtobuf
import Testing

/// What the methods ask of the engine.
@Suite struct ServiceTests {
  private static let jobID = "aaaaaaaaaaaaaaaa"

  @Test func startPassesOwnerAndRequestID() async throws {
    let engine = FakeEngine()
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let request = Worker_V1_StartJobRequest.with {
        $0.spec.command = ["echo", "x"]
        $0.requestID = "r1"
      }
      let job = try await service.startJob(request).job
      #expect(job.id == FakeEngine.newID.description)
      #expect(job.owner == "alice" && job.command == ["echo", "x"] && job.state == .running)
    }
    #expect(engine.calls.withLock { $0 } == ["start echo x alice r1"])
  }

  @Test func aPlanTellsWhatAStartWouldBeRefusedFor() async throws {
    try await withService(FakeEngine(), as: peer("alice", roles: ["user"])) { service in
      func plan(_ name: String) async throws -> Worker_V1_PlanJobResponse {
        try await service.planJob(
          .with {
            $0.spec.command = ["true"]
            $0.spec.name = name
          })
      }
      let free = try await plan("free")
      #expect(free.startable && free.limits.map(\.name) == ["pids"])
      let crowded = try await plan("crowded")
      #expect(!crowded.startable && crowded.limits.map(\.name) == ["pids", "start"])
      #expect(crowded.limits.last?.unenforced == "'alice' has too many")
    }
  }

  @Test(
    arguments: [
      ("", nil, "15 10.0 seconds"), ("KILL", 0, "9 0.0 seconds"), ("SIGINT", 3, "2 3.0 seconds"),
      ("1", 1, "1 1.0 seconds"),
    ] as [(String, Int64?, String)])
  func stopPassesSignalAndGrace(signal: String, grace: Int64?, asked: String) async throws {
    let engine = FakeEngine([job(Self.jobID)])
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let request = Worker_V1_StopJobRequest.with {
        $0.job = Self.jobID
        $0.signal = signal
        if let grace { $0.grace = Google_Protobuf_Duration(seconds: grace) }
      }
      _ = try await service.stopJob(request)
    }
    #expect(engine.calls.withLock { $0 } == ["stop \(Self.jobID) \(asked) alice"])
  }

  @Test(arguments: ["", "NOPE", "0", "65", "-1"])
  func signalsThatAreNoneAreRefused(_ signal: String) async throws {
    let engine = FakeEngine([job(Self.jobID)])
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let error = await failure {
        _ = try await service.signalJob(
          .with {
            $0.job = Self.jobID
            $0.signal = signal
          })
      }
      #expect(error?.code == .invalidArgument)
    }
    #expect(engine.calls.withLock { $0.isEmpty })
  }

  @Test func listSelectsByStateAndLabel() async throws {
    let engine = FakeEngine([
      job("a000000000000000", state: .running, labels: ["k": "1"]),
      job("a100000000000000", state: .running, labels: ["k": "2"]),
      job("a200000000000000", state: .finished, labels: ["k": "1", "x": "y"]),
    ])
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      func ids(
        _ states: [Worker_V1_JobState], _ labels: [String: String]
      ) async throws -> [String] {
        let request = Worker_V1_ListJobsRequest.with {
          $0.states = states
          $0.labels = labels
        }
        return try await service.listJobs(request).jobs.map { String($0.id.prefix(2)) }
      }
      let all = try await ids([], [:])
      let running = try await ids([.running], [:])
      let labelled = try await ids([.running, .finished], ["k": "1"])
      let twice = try await ids([], ["k": "1", "x": "y"])
      let none = try await ids([.stopping], [:])
      #expect(all == ["a0", "a1", "a2"])
      #expect(running == ["a0", "a1"])
      #expect(labelled == ["a0", "a2"])
      #expect(twice == ["a2"])
      #expect(none.isEmpty)
    }
  }
}
