import JobStore
import Testing

@testable import JobEngine

@Suite struct RecordTests {
  @Test func everythingAskedSurvivesTheDisk() throws {
    var spec = JobSpec(command: ["sh", "-c", "echo\n'x' \u{fffd}", ""])
    spec.name = "web"
    spec.labels = ["a": "1", "b": ""]
    spec.environment = ["A": "1=2", "B": "line\nline"]
    spec.workingDirectory = "/srv/a b"
    spec.user = .ids(uid: 7, gid: nil)
    spec.isHostUser = true
    spec.timeout = .milliseconds(1500)
    spec.limits.cpu = 0.1 + 0.2
    spec.limits.memory = 1 << 40
    spec.limits.memorySwap = 0
    spec.limits.ioRead = 1
    spec.limits.ioWrite = 2
    spec.limits.ioReadOps = 3
    spec.limits.ioWriteOps = 4
    spec.limits.pids = 5
    spec.network = .host
    let record = JobRecord(
      spec: spec, owner: "alice", createTime: 12, request: JobRequest(id: "r", digest: "d"), uid: 1,
      gid: 2,
      bootID: "b", applied: ["cpu": AppliedLimit(file: "cpu.max", value: "1 2")])
    #expect(try JobRecord(record.encoded()) == record)
  }

  @Test(arguments: [JobSpec.User.own, .named("nobody"), .ids(uid: 0, gid: 5)])
  func userSurvivesTheDisk(user: JobSpec.User) throws {
    var spec = JobSpec(command: ["true"])
    spec.user = user
    let record = JobRecord(
      spec: spec, owner: "", createTime: 0, request: nil, uid: 0, gid: 0)
    #expect(try JobRecord(record.encoded()) == record)
  }

  @Test func cutRecordIsRefused() throws {
    let record = JobRecord(
      spec: JobSpec(command: ["true"]), owner: "alice", createTime: 1, request: nil, uid: 0,
      gid: 0)
    let bytes = record.encoded()
    for count in 0..<bytes.count {
      #expect(throws: StoreError.self) { try JobRecord(Array(bytes[..<count])) }
    }
  }

  @Test(arguments: [
    (Duration.seconds(2), Int64(2_000_000_000)), (.nanoseconds(7), 7), (.seconds(Int64.max), .max),
  ])
  func durationInNanoseconds(duration: Duration, nanoseconds: Int64) {
    #expect(duration.nanoseconds == nanoseconds)
  }
}
