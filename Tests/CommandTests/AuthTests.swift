import ArgumentParser
import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// Asking for rights.
@Suite struct AuthTests {
  @Test(arguments: [
    ("run", "StartJob"), ("logs", "StreamOutput"), ("status", "GetJob"), ("rm", "RemoveJob"),
    ("StopJob", "StopJob"), ("NewMethod", "NewMethod"),
  ])
  func verbsAreMethods(verb: String, method: String) throws {
    #expect(try AuthCanICommand.method(verb) == method)
  }

  @Test func otherWordsAreRefusedWithTheVerbs() {
    let error = #expect(throws: ValueError.self) { try AuthCanICommand.method("halt") }
    #expect(error?.description.contains("stop") == true)
  }

  @Test(arguments: [
    ["auth", "can-i", "stop", "--as", "/alice"], ["auth", "can-i", "stop", "--as", "user/"],
    ["auth", "can-i", "stop", "--as", "user/alice", "--as", "viewer/bob"], ["auth", "can-i"],
  ])
  func nonsenseIsAUsageError(arguments: [String]) {
    #expect(throws: (any Error).self) { try WorkerCommand.parseAsRoot(arguments) }
  }

  @Test func requestsMayBeCalledCSR() throws {
    for option in ["--csr", "--request"] {
      let command = try WorkerCommand.parseAsRoot([
        "pki", "issue", "alice", "--role", "user", option, "alice.csr",
      ])
      #expect((command as? PKIIssueCommand)?.request == "alice.csr")
    }
  }

  @Test func whoAmIShowsRightsAndBounds() {
    let answer = Worker_V1_WhoAmIResponse.with {
      $0.identity = "alice"
      $0.trustDomain = "worker.local"
      $0.roles = ["build"]
      $0.certificateSerial = "0A"
      $0.certificateEndTime = Google_Protobuf_Timestamp(seconds: 0)
      $0.permissions = [
        .with {
          $0.method = "StopJob"
          $0.access = .own
        },
        .with {
          $0.method = "RemoveJob"
          $0.access = .none
        },
      ]
      $0.job.max = ["cpu": 1.5, "memory": 1024]
      $0.job.allowed = ["users": .with { $0.values = ["own", "build"] }]
    }
    #expect(
      AuthWhoAmICommand.text(answer) == """
        identity      alice (spiffe://worker.local/user/alice)
        roles         build
        certificate   serial 0A, until 1970-01-01T00:00:00Z
        own jobs      StopJob
        refused       RemoveJob
        users         own, build
        most a job    cpu 1.5, memory 1024

        """)
  }
}
