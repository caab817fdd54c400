import JobStore
import Linux
import Testing

@testable import JobEngine

/// What the kernel's log makes of the end of a job of which some process was killed for lack of memory.
@Suite struct KernelLogVerdictTests {
  private static func verdict(
    of report: KillReport?, end: ProcessEnd? = .signaled(number: 9), kills: Int64 = 1
  ) -> Verdict {
    var record = ExitRecord(
      end: end, cause: .itself, killed: false, time: 1, journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0,
      evidence: [.init(name: "memory.events", content: "oom 1\noom_kill \(kills)\n")])
    if let report { record.evidence.append(.init(name: KillReport.name, content: report.text)) }
    var spec = JobSpec(command: ["true"])
    spec.limits.memory = 1 << 26
    return Verdict(record, spec: spec)
  }

  private static func report(
    killing pids: [Int32], at limit: String = "oom_memcg=/w/worker-1", target: Int32? = 20
  ) -> KillReport {
    var report = KillReport(target: target, first: 19, group: "worker-1")
    for pid in pids {
      report.take(
        "6,1,1,-;oom-kill:constraint=C,\(limit),task_memcg=/w/worker-1,task=x,pid=\(pid),uid=0")
      report.take("3,1,1,-;Memory cgroup out of memory: Killed process \(pid) (x) total-vm:1kB")
    }
    return report
  }

  @Test func aProgramThatTheLogNamesWasKilledForLackOfMemory() {
    let verdict = Self.verdict(of: Self.report(killing: [21, 20]), kills: 2)
    #expect(verdict.reason == .oomKilled)
    #expect(verdict.message == "killed by the kernel: memory limit of 67108864 bytes reached")
    #expect(
      verdict.evidence.last
        == "kernel log: Memory cgroup out of memory: Killed process 20 (x) total-vm:1kB")
  }

  @Test func aProgramThatTheLogDoesNotNameWasNot() {
    let verdict = Self.verdict(of: Self.report(killing: [21, 22]), kills: 2)
    #expect(verdict.reason == .signaled && verdict.signal == 9)
    #expect(
      verdict.message
        == "ended by signal KILL; the kernel killed 2 other processes of it for lack of memory")
    #expect(verdict.evidence.last?.hasPrefix("kernel log: others were killed") == true)
  }

  @Test(
    arguments: [
      ("oom_memcg=/w", "above the job: at the limit of the cgroup /w that it is in"),
      ("global_oom", "above the job: on the host"),
      ("oom_memcg=/w/worker-1", "memory limit of 67108864 bytes reached"),
    ])
  func whereMemoryRanOutIsTheLogsWord(limit: String, text: String) {
    let verdict = Self.verdict(of: Self.report(killing: [20], at: limit))
    #expect(verdict.message.hasSuffix(text), "\(verdict.message)")
  }

  @Test func aLogThatLostSomeKnowsOnlyWhatItAscribesToTheJob() {
    var report = Self.report(killing: [21])
    report.isWhole = false
    #expect(Self.verdict(of: report, kills: 1).reason == .signaled)
    #expect(Self.verdict(of: report, kills: 2).reason == .oomKilled)
  }

  @Test func whereTheLogCannotBeAskedTheCountsDecideAndThatIsSaid() {
    var unreadable = KillReport(target: 20, first: 19, group: "worker-1")
    unreadable.problem = "open(/dev/kmsg): Permission denied"
    let silent = KillReport(target: 20, first: 19, group: "worker-1")
    for report in [unreadable, silent, Self.report(killing: [21], target: nil)] {
      let verdict = Self.verdict(of: report)
      #expect(verdict.reason == .oomKilled)
      #expect(verdict.evidence.last?.hasPrefix("kernel log: it cannot be asked") == true)
    }
    #expect(Self.verdict(of: unreadable).evidence.last?.hasSuffix("Permission denied") == true)
    #expect(Self.verdict(of: nil).reason == .oomKilled)
  }

  @Test func theDeathOfPID1IsTheJobs() {
    #expect(Self.verdict(of: Self.report(killing: [19]), end: nil).reason == .oomKilled)
    #expect(Self.verdict(of: Self.report(killing: [20]), end: nil).reason == .oomKilled)
    let outside = Self.verdict(of: Self.report(killing: [21]), end: nil)
    #expect(outside.reason == .signaled)
    #expect(outside.message.hasPrefix("ended with its PID 1, which was killed from outside; "))
    // PID 1 that lived to tell of the end did not bring it about.
    #expect(Self.verdict(of: Self.report(killing: [19])).reason == .signaled)
  }
}

/// On this host's own kernel.
@Suite(.requiresRoot, .requiresKernelLog, .serialized) struct LiveKernelLogTests {
  @Test func aChildsLackOfMemoryAndThenAKillOfItselfIsNoLackOfMemory() async throws {
    try await withWorker { worker in
      var spec = shell("tail /dev/zero; kill -9 $$")
      spec.limits.memory = 32 << 20
      let job = try await worker.start(spec, owner: "alice")
      let verdict = try #require(try await worker.wait(job.id).verdict)
      #expect(verdict.reason == .signaled)
      #expect(
        verdict.message
          == "ended by signal KILL; the kernel killed 1 other process of it for lack of memory")
    }
  }

  @Test func lackOfMemoryIsProvenByTheKernelsLog() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["tail", "/dev/zero"])
      spec.limits.memory = 32 << 20
      let job = try await worker.start(spec, owner: "alice")
      let verdict = try #require(try await worker.wait(job.id).verdict)
      #expect(verdict.message == "killed by the kernel: memory limit of 33554432 bytes reached")
      let proof = "kernel log: Memory cgroup out of memory: Killed process "
      #expect(verdict.evidence.contains { $0.hasPrefix(proof) }, "\(verdict.evidence)")
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// What the kernel logs, with the numbers that processes have here.
  static var requiresKernelLog: Self {
    .enabled("needs to read /dev/kmsg in the host's own PID namespace") {
      KernelLog.hasOurNumbers && (try? KernelLog()) != nil
    }
  }
}
