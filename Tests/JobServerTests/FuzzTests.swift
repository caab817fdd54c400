import JobAPI
import JobEngine
import SwiftProtobuf
import TestSupport
import Testing

@testable import JobServer

/// Whatever a client's messages hold: it is understood or refused, and nothing ends the process.
@Suite(.serialized) struct FuzzTests {
  private static func corpus() throws -> [[UInt8]] {
    let start = Worker_V1_StartJobRequest.with {
      $0.requestID = "request"
      $0.spec.command = ["sh", "-c", "true"]
      $0.spec.name = "name"
      $0.spec.environment = ["A": "b"]
      $0.spec.labels = ["k": "v"]
      $0.spec.user = "1:2"
      $0.spec.timeout = .with { $0.seconds = 5 }
      $0.spec.limits = .with { $0.memory = 1 << 30 }
    }
    let stop = Worker_V1_StopJobRequest.with {
      $0.job = "aaaaaaaaaaaaaaaa"
      $0.signal = "TERM"
      $0.grace = .with { $0.nanos = 999_999_999 }
    }
    let output = Worker_V1_StreamOutputRequest.with {
      $0.job = "aaaaaaaaaaaaaaaa"
      $0.fromCursor = "aaaaaaaaaaaaaaaa.40"
      $0.streams = [.stdout]
    }
    let list = Worker_V1_ListJobsRequest.with {
      $0.labels = ["k": "v"]
      $0.pageSize = 3
    }
    let messages: [any Message] = [start, start.spec, stop, output, list]
    return try messages.map { try $0.serializedBytes() }
  }

  @Test func anyMessageIsUnderstoodOrRefused() async throws {
    try await Fuzz.apart {
      let job = try #require(JobID("aaaaaaaaaaaaaaaa"))
      let corpus = try Self.corpus()
      try Fuzz.run(corpus: corpus, rounds: 3000) { input, _ in
        if let start = try? Worker_V1_StartJobRequest(serializedBytes: input) {
          _ = try? JobSpec(start.spec)
        }
        if let spec = try? Worker_V1_JobSpec(serializedBytes: input) { _ = try? JobSpec(spec) }
        if let stop = try? Worker_V1_StopJobRequest(serializedBytes: input) {
          _ = try? JobReference(stop.job)
        }
        if let output = try? Worker_V1_StreamOutputRequest(serializedBytes: input) {
          _ = try? OutputRequest(output, job: job)
        }
        if let list = try? Worker_V1_ListJobsRequest(serializedBytes: input) {
          _ = try? ListPage(list)
        }
      }
    }
  }

  /// What reads as an id or a cursor is written as it was read.
  @Test func anyNameOfAJobOrPlaceIsUnderstoodOrRefused() async throws {
    try await Fuzz.apart {
      let corpus = ["aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa.40", "bbbbbbbbbbbbbbbb.0", "name", "."]
      try Fuzz.run(corpus: corpus.map { Array($0.utf8) }, rounds: 10_000) { input, _ in
        let text = String(decoding: input, as: UTF8.self)
        if let id = JobID(text) { try #require(id.description == text) }
        if let cursor = Cursor(text), let again = Cursor(cursor.description) {
          try #require(again.job == cursor.job && again.description == cursor.description)
        }
        _ = try? PageToken(text)
      }
    }
  }

  @Test func anyPolicyFileIsUnderstoodOrRefused() async throws {
    try await Fuzz.apart {
      let text = """
        {"comment": "any", "roles": {"admin": {"methods": {"*": "any"}, "job": {"users": ["*"],
        "networks": ["host"]}}, "build": {"methods": {"*": "own", "RemoveJob": "none"},
        "job": {"users": ["own", "1000-1999"], "commands": ["/opt/tools/"],
        "max": {"cpu": 2.5, "memory": "1G", "pids": 500, "time": "2h"}}, "total": {"jobs": 10}}}}
        """
      try Fuzz.run(corpus: [Array(text.utf8)], rounds: 1000) { input, _ in
        _ = try? PolicyFile.parse(String(decoding: input, as: UTF8.self), path: "policy")
      }
    }
  }
}
