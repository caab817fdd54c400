import JobStore
import Linux
import Testing

@Suite struct RecordTests {
  @Test(arguments: [
    ExitRecord.Cause.itself, .stop(by: "alice"), .timeout, .output(28),
  ])
  func anExitRecordComesBackWhole(cause: ExitRecord.Cause) throws {
    var record = ExitRecord(
      end: .signaled(number: 9), cause: cause, killed: true, time: 1_700_000_000_000_000_001,
      journalEnd: 123, stdoutBytes: 4, stderrBytes: 5,
      evidence: [.init(name: "memory.events", content: "oom 1\noom_kill 1\n")], lost: nil)
    record.journalStart = 99
    #expect(try ExitRecord(record.encoded()) == record)
  }

  @Test func aLaunchPlanComesBackWhole() throws {
    var plan = LaunchPlan(
      jobID: "00112233445566aa", command: ["sh", "-c", "exit 3"], environment: ["PATH=/bin", "A="],
      workdir: "/tmp/work", hostname: "job", user: .init(uid: 1, gid: 2, groups: [3, 4]),
      capabilities: 0)
    plan.mounts = [
      .bind(source: "/a b", target: "/tmp", readOnly: false),
      .tmpfs(target: "/dev/shm", options: "mode=1777"),
      .hide(target: "/sys/fs/cgroup"), .cover(source: "/e", target: "/etc/passwd"),
      .bind(source: "/c", target: "/d", readOnly: true),
    ]
    plan.resourceLimits = [.init(resource: 7, soft: 1, hard: 2)]
    plan.rootfs = "/srv/tree"
    plan.rootIsReadOnly = true
    plan.idRange = .init(first: 1 << 20, count: 1 << 16)
    plan.deniesSystemCalls = false
    plan.ownNetwork = false
    plan.cgroup2 = "/sys/fs/cgroup/x"
    plan.cgroupsV1 = ["/sys/fs/cgroup/cpu/x", "/sys/fs/cgroup/memory/x"]
    plan.evidence = [.init(name: "cpu.stat", content: "/sys/fs/cgroup/x/cpu.stat")]
    plan.timeout = 5
    plan.cpuTime = 6
    #expect(try LaunchPlan(plan.encoded()) == plan)
  }

  @Test func controlMessagesInOneReadAreToldApart() {
    let stop = ControlMessage.stop(signal: 15, grace: 10_000_000_000, by: "älice")
    var buffer = stop.encoded() + ControlMessage.signal(1, by: "bob").encoded()
    #expect(ControlMessage.take(from: &buffer) == stop)
    #expect(ControlMessage.take(from: &buffer) == .signal(1, by: "bob"))
    #expect(ControlMessage.take(from: &buffer) == nil)
    buffer = ControlMessage.pause.encoded() + ControlMessage.resume.encoded()
    #expect(ControlMessage.take(from: &buffer) == .pause)
    #expect(ControlMessage.take(from: &buffer) == .resume)
  }

  @Test func aBudgetAndASenderAreKeptInTheExitRecord() throws {
    var record = ExitRecord(
      end: .signaled(number: 1), cause: .cpuTime, killed: true, time: 1, journalEnd: 2,
      stdoutBytes: 3, stderrBytes: 4, evidence: [])
    record.signaledBy = "bob"
    record.signaledAgo = 5
    record.lifetime = 6
    #expect(try ExitRecord(record.encoded()) == record)
  }

  @Test func aMessageInTwoReadsIsPutTogether() {
    let failure = InitFailure(step: "exec", what: "/no/such", errno: 2)
    let bytes = InitMessage.failed(failure).encoded()
    var buffer = Array(bytes[..<5])
    #expect(InitMessage.take(from: &buffer) == nil)
    buffer += bytes[5...]
    #expect(InitMessage.take(from: &buffer) == .failed(failure))
    #expect(failure.description == "exec /no/such: No such file or directory")
  }
}
