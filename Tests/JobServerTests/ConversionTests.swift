import GRPCCore
import JobAPI
import JobEngine
import JobServer
import SwiftProtobuf
import Testing

/// Requests into specs, statuses into jobs.
@Suite struct ConversionTests {
  @Test func specKeepsEveryField() throws {
    let spec = try JobSpec(
      .with {
        $0.command = ["sh", "-c", "true"]
        $0.name = "n"
        $0.labels = ["k": "v"]
        $0.environment = ["E": "1"]
        $0.workingDirectory = "/w"
        $0.user = "1000:1001"
        $0.timeout = Google_Protobuf_Duration(seconds: 1, nanos: 500_000_000)
        $0.cpuTime = Google_Protobuf_Duration(seconds: 2)
        $0.network = .host
        $0.limits = .with {
          $0.cpu = 1.5
          $0.memory = 1
          $0.memorySwap = 0
          $0.ioRead = 3
          $0.ioWrite = 4
          $0.ioReadOps = 5
          $0.ioWriteOps = 6
          $0.pids = 7
          $0.cpuWeight = 8
          $0.cpuset = "0-1"
          $0.memoryHigh = 9
          $0.memoryOomGroup = true
          $0.ioWeight = 10
          $0.resources["nofile"] = .with { $0.soft = 11 }
          $0.bestEffort = true
        }
      })
    var expected = JobSpec(command: ["sh", "-c", "true"])
    expected.name = "n"
    expected.labels = ["k": "v"]
    expected.environment = ["E": "1"]
    expected.workingDirectory = "/w"
    expected.user = .ids(uid: 1000, gid: 1001)
    expected.timeout = .milliseconds(1500)
    expected.cpuTime = .seconds(2)
    expected.network = .host
    expected.limits.cpu = 1.5
    expected.limits.memory = 1
    expected.limits.memorySwap = 0
    expected.limits.ioRead = 3
    expected.limits.ioWrite = 4
    expected.limits.ioReadOps = 5
    expected.limits.ioWriteOps = 6
    expected.limits.pids = 7
    expected.limits.cpuWeight = 8
    expected.limits.cpuset = "0-1"
    expected.limits.memoryHigh = 9
    expected.limits.memoryOOMGroup = true
    expected.limits.ioWeight = 10
    expected.limits.resources = [.nofile: ResourceLimit(soft: 11, hard: nil)]
    expected.limits.bestEffort = true
    #expect(spec == expected)
    #expect(try Limits(Worker_V1_Limits(expected.limits)) == expected.limits)
  }

  @Test func aResourceThatNoServerKnowsIsRefused() {
    #expect {
      try JobSpec(.with { $0.limits.resources["nproc"] = Worker_V1_ResourceLimit() })
    } throws: {
      ($0 as? RPCError)?.message
        == "resource must be one of nofile, core, fsize, stack, got 'nproc'"
    }
  }

  @Test func specsThatAreTooLargeAreRefused() throws {
    func spec(_ bytes: Int) -> Worker_V1_JobSpec {
      .with {
        $0.command = ["true"]
        $0.environment = ["E": String(repeating: "x", count: bytes - 12)]
        $0.labels = ["k": "v"]
      }
    }
    #expect(try JobSpec(spec(1 << 20)).labels == ["k": "v"])
    let error = #expect(throws: RPCError.self) { try JobSpec(spec((1 << 20) + 1)) }
    #expect(error?.code == .invalidArgument && error?.message.contains("1048577 bytes") == true)
  }

  @Test func emptyFieldsMeanNone() throws {
    #expect(try JobSpec(.with { $0.command = ["true"] }) == JobSpec(command: ["true"]))
  }

  @Test(arguments: [
    ("", JobSpec.User.own), ("root", .named("root")), ("0", .ids(uid: 0, gid: nil)),
    ("1:2", .ids(uid: 1, gid: 2)), ("www-data", .named("www-data")),
  ])
  func usersAreNamesOrIds(text: String, user: JobSpec.User) throws {
    #expect(try JobSpec(.with { $0.user = text }).user == user)
  }

  @Test(arguments: ["4294967296", "4294967295", "1:", ":1", "1:2:3", "root:root", ":"])
  func otherUsersAreRefused(_ text: String) {
    #expect(throws: RPCError.self) { try JobSpec(.with { $0.user = text }) }
  }

  @Test(arguments: [(-1, 0), (0, -1), (0, 1_000_000_000), (Int64.max, 0)] as [(Int64, Int32)])
  func durationsThatAreNoneAreRefused(seconds: Int64, nanos: Int32) {
    #expect(throws: RPCError.self) {
      try JobSpec(.with { $0.timeout = Google_Protobuf_Duration(seconds: seconds, nanos: nanos) })
    }
  }

  @Test func unknownNetworkIsRefused() {
    #expect(throws: RPCError.self) { try JobSpec(.with { $0.network = .UNRECOGNIZED(9) }) }
  }

  @Test(arguments: [
    (Verdict.Reason.exited, Worker_V1_ExitReason.exited), (.signaled, .signaled),
    (.stopped, .stopped), (.timedOut, .timedOut), (.oomKilled, .oomKilled),
    (.startFailed, .startFailed), (.lost, .lost),
  ])
  func verdictsKeepTheirReason(reason: Verdict.Reason, expected: Worker_V1_ExitReason) {
    var status = job("aaaaaaaaaaaaaaaa", state: .finished)
    status.verdict = Verdict(reason: reason, signal: 9, message: "m", evidence: ["e"])
    let exit = Worker_V1_Job(status).exit
    #expect(exit.reason == expected)
    #expect(exit.hasSignal && exit.signal == 9 && !exit.hasCode)
    #expect(exit.message == "m" && exit.evidence == ["e"])
  }

  @Test func finishedJobHoldsTheKeysOthersRelyOn() throws {
    var status = job("aaaaaaaaaaaaaaaa", name: "n", state: .finished)
    status.startTime = 1_500_000_000
    status.endTime = 2_000_000_000
    status.usage.cpuTime = .milliseconds(1500)
    status.applied = ["memory": AppliedLimit(file: "memory.max", value: "1")]
    let json = try Worker_V1_Job(status).jsonString()
    for key in [
      "id", "name", "owner", "command", "state", "createTime", "startTime", "endTime", "exit",
      "code", "reason", "limits", "applied", "usage", "cpuTime", "memoryPeakBytes", "ioReadBytes",
      "ioWriteBytes", "outputBytes",
    ] {
      #expect(json.contains("\"\(key)\":"), "\(key) in \(json)")
    }
    #expect(json.contains(#""startTime":"1970-01-01T00:00:01.500Z""#))
    #expect(json.contains(#""cpuTime":"1.500s""#))
    #expect(json.contains(#""state":"FINISHED""#))
  }
}
