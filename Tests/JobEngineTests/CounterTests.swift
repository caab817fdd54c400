import JobStore
import Linux
import Testing

@testable import JobEngine

/// What the kernel's counters make of a verdict.
@Suite struct CounterTests {
  private func verdict(
    end: ProcessEnd?, cause: ExitRecord.Cause = .itself, signaledBy: String? = nil,
    evidence: [(String, String)] = [], _ change: (inout JobSpec) -> Void = { _ in }
  ) -> Verdict {
    var spec = JobSpec(command: ["true"])
    change(&spec)
    var record = ExitRecord(
      end: end, cause: cause, killed: false, time: 10_000_000_000, journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: evidence.map { .init(name: $0.0, content: $0.1) })
    record.signaledBy = signaledBy
    return Verdict(record, spec: spec, startTime: 0)
  }

  @Test(arguments: [
    [("memory.events", "max 0\noom 0\noom_kill 1\n")],
    [
      ("v1/memory.oom_control", "oom_kill 1\n"), ("v1/memory.max_usage_in_bytes", "60000000\n"),
      ("v1/memory.memsw.max_usage_in_bytes", "60000000\n"),
    ],
  ])
  func lackOfMemoryAboveTheJobIsToldFromItsOwnLimit(evidence: [(String, String)]) {
    for limit in [nil, 64 << 20] as [Int64?] {
      let verdict = self.verdict(end: .signaled(number: 9), evidence: evidence) {
        $0.limits.memory = limit
      }
      #expect(verdict.reason == .oomKilled)
      #expect(verdict.message.contains("above the job"))
    }
  }

  /// On v1 memory.failcnt may be 0 then.
  @Test(arguments: [
    [("memory.events", "max 7\noom 1\noom_kill 1\n")],
    [
      ("v1/memory.oom_control", "oom_kill 1\n"), ("v1/memory.max_usage_in_bytes", "67104768\n"),
      ("v1/memory.memsw.max_usage_in_bytes", "67104768\n"),
    ],
    [
      ("v1/memory.oom_control", "oom_kill 1\n"), ("v1/memory.max_usage_in_bytes", "50000000\n"),
      ("v1/memory.memsw.max_usage_in_bytes", "67108864\n"),
    ],
    [("v1/memory.oom_control", "oom_kill 1\n")],
    // The peak was below the present limit, and at the one there was.
    [
      ("v1/memory.oom_control", "oom_kill 1\n"), ("v1/memory.max_usage_in_bytes", "33554432\n"),
      ("v1/memory.failcnt", "3\n"),
    ],
    [
      ("v1/memory.oom_control", "oom_kill 1\n"), ("v1/memory.max_usage_in_bytes", "33554432\n"),
      ("v1/memory.failcnt", "0\n"), ("v1/memory.memsw.failcnt", "1\n"),
    ],
  ])
  func theOwnMemoryLimitIsNamed(evidence: [(String, String)]) {
    let verdict = self.verdict(end: .signaled(number: 9), evidence: evidence) {
      $0.limits.memory = 64 << 20
    }
    #expect(verdict.message == "killed by the kernel: memory limit of 67108864 bytes reached")
  }

  @Test func anOOMKillOfAChildIsSaid() {
    let one = self.verdict(end: .exited(code: 0), evidence: [("memory.events", "oom_kill 1\n")])
    #expect(one.reason == .exited)
    #expect(
      one.message
        == "exited with code 0; the kernel killed 1 process of it for lack of memory")
  }

  @Test(arguments: ["pids.events", "v1/pids.events"])
  func refusedProcessesAreSaid(file: String) {
    let verdict = self.verdict(end: .exited(code: 2), evidence: [(file, "max 3\n")]) {
      $0.limits.pids = 9
    }
    #expect(
      verdict.message == "exited with code 2; its limit of processes refused 3 new ones")
    #expect(verdict.evidence == ["pids.events: max 3"])
  }

  /// Older kernels count a refusal where the fork was tried, whoever's limit it was.
  @Test(
    arguments: [(nil, "above the job"), (9, "other than its present one of 9")]
      as [(Int64?, String)])
  func aLimitOfProcessesAboveTheJobIsNotItsOwn(limit: Int64?, text: String) {
    let evidence = [("pids.events", "max 1\n"), ("pids.peak", "5\n")]
    let verdict = self.verdict(end: .exited(code: 2), evidence: evidence) {
      $0.limits.pids = limit
    }
    #expect(verdict.message.hasSuffix("; a limit of processes \(text) refused 1 new one"))
    let own = self.verdict(end: .exited(code: 2), evidence: evidence) { $0.limits.pids = 5 }
    #expect(own.message.contains("; its limit of processes refused"))
  }

  @Test func limitsThatTheServerGaveAreTheJobsOwn() {
    var limits = Limits()
    limits.memory = 7
    limits.fill(from: [
      "pids": AppliedLimit(file: "pids.max", value: "100"),
      "memory": AppliedLimit(file: "memory.max", value: "8192"),
    ])
    #expect(limits.pids == 100 && limits.memory == 7)
    limits = Limits()
    limits.fill(from: ["pids": AppliedLimit(unenforced: "no controller")])
    #expect(limits.pids == nil)
  }

  /// The order to stop and the end by itself can cross.
  @Test func whatExitedWhenItWasToBeKilledWasNotKilled() {
    var record = ExitRecord(
      end: .exited(code: 3), cause: .stop(by: "bob"), killed: true, time: 0, journalEnd: 0,
      stdoutBytes: 0, stderrBytes: 0, evidence: [])
    let spec = JobSpec(command: ["true"])
    #expect(Verdict(record, spec: spec).message == "stopped by bob, exited with code 3")
    record.end = nil
    #expect(Verdict(record, spec: spec).message.hasSuffix("killed after the grace period"))
  }

  @Test func theSenderOfASignalIsSaid() {
    let verdict = self.verdict(end: .signaled(number: 1), signaledBy: "bob")
    #expect(verdict.reason == .signaled)
    #expect(verdict.message == "ended by signal HUP, sent by bob")
    let killed = self.verdict(
      end: .signaled(number: 9), signaledBy: "bob", evidence: [("memory.events", "oom_kill 1\n")])
    #expect(killed.reason == .signaled)
  }

  /// One that went on after the signal may have ended by one of its own.
  @Test(
    arguments: [
      (nil, ", sent by bob"), (1_000_000_000, ", sent by bob"),
      (1_520_000_000, "; bob had sent TERM 1.5 s before"),
    ] as [(UInt64?, String)])
  func aSenderOfLongAgoIsNotSaidToHaveEndedIt(ago: UInt64?, text: String) {
    var record = ExitRecord(
      end: .signaled(number: 15), cause: .itself, killed: false, time: 0, journalEnd: 0,
      stdoutBytes: 0, stderrBytes: 0, evidence: [])
    record.signaledBy = "bob"
    record.signaledAgo = ago
    let verdict = Verdict(record, spec: JobSpec(command: ["true"]))
    #expect(verdict.reason == .signaled)
    #expect(verdict.message == "ended by signal TERM\(text)")
  }

  /// Stalls count from the birth of the cgroup on, the start comes later.
  @Test func noShareIsMoreThanAll() {
    var record = ExitRecord(
      end: .exited(code: 0), cause: .itself, killed: false, time: 10_000_000, journalEnd: 0,
      stdoutBytes: 0, stderrBytes: 0,
      evidence: [.init(name: "cpu.pressure", content: "some avg10=0.00 total=245000\n")])
    record.lifetime = 980_000_000
    func evidence() -> [String] {
      Verdict(record, spec: JobSpec(command: ["true"]), startTime: 0).evidence
    }
    #expect(evidence() == ["cpu.pressure: stalled for 0.245 s, 25 % of its time"])
    record.lifetime = nil
    #expect(evidence() == ["cpu.pressure: stalled for 0.245 s, 100 % of its time"])
  }

  @Test func throttlingAndStallsAreShares() {
    let verdict = self.verdict(
      end: .exited(code: 0),
      evidence: [
        ("cpu.stat", "usage_usec 1\nnr_periods 40\nnr_throttled 10\nthrottled_usec 1500000\n"),
        ("io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull total=1\n"),
        ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=10\n"),
      ])
    #expect(
      verdict.evidence == [
        "cpu.stat: nr_throttled 10 of 40 periods, 25 %, for 1.5 s",
        "io.pressure: stalled for 2.5 s, 25 % of its time",
      ])
  }

  @Test func aSpentBudgetIsShownWithWhatWasUsed() {
    let verdict = self.verdict(
      end: .signaled(number: 15), cause: .cpuTime, evidence: [("cpu.stat", "usage_usec 310000\n")]
    ) { $0.cpuTime = .milliseconds(300) }
    #expect(verdict.reason == .timedOut)
    #expect(verdict.evidence == ["cpu time: 0.31 s of a budget of 0.3 s"])
  }
}

@Suite struct UsageFileTests {
  @Test func filesOfVersion2() {
    let usage = Usage([
      .init(name: "cpu.stat", content: "usage_usec 30\nuser_usec 10\nsystem_usec 20\n"),
      .init(name: "io.stat", content: "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n8:1 rios=1 wios=1\n"),
      .init(name: "pids.peak", content: "9\n"), .init(name: "pids.events", content: "max 2\n"),
      .init(name: "memory.events", content: "oom_kill 3\n"),
      .init(name: "memory.pressure", content: "some avg10=0.00 total=7\nfull total=1\n"),
    ])
    #expect(usage.cpuUserTime == .microseconds(10) && usage.cpuSystemTime == .microseconds(20))
    #expect(usage.ioReadOps == 4 && usage.ioWriteOps == 5)
    #expect(usage.pidsPeak == 9 && usage.pidsRefusals == 2 && usage.oomKills == 3)
    #expect(usage.memoryStalledTime == .microseconds(7) && usage.ioStalledTime == nil)
  }

  @Test func filesOfVersion1() {
    let usage = Usage([
      .init(name: "v1/cpuacct.usage", content: "1\n"),
      .init(name: "v1/cpuacct.stat", content: "user 2\nsystem 3\n"),
      .init(name: "v1/blkio.throttle.io_serviced", content: "8:0 Read 5\n8:0 Write 6\nTotal 11\n"),
      .init(name: "v1/pids.events", content: "max 4\n"),
      .init(name: "v1/memory.oom_control", content: "oom_kill 5\n"),
    ])
    #expect(usage.cpuUserTime == .milliseconds(20) && usage.cpuSystemTime == .milliseconds(30))
    #expect(usage.ioReadOps == 5 && usage.ioWriteOps == 6)
    #expect(usage.pidsRefusals == 4 && usage.oomKills == 5)
  }
}

/// On this host's own kernel.
@Suite(.requiresRoot, .serialized) struct LiveCounterTests {
  @Test func lackOfMemoryOfAChildIsSeenWhileTheJobLives() async throws {
    try await withWorker { worker in
      // The child is the larger one; the shell lives on.
      var spec = shell("tail /dev/zero; echo gone; sleep 1000")
      spec.limits.memory = 32 << 20
      let job = try await worker.start(spec, owner: "alice")
      try await waitForOutput("gone", of: job.id, worker)
      let status = try await worker.status(job.id)
      #expect(status.state == .running && status.usage.oomKills == 1)
      let ended = try await worker.stop(job.id, grace: .zero, by: "bob")
      #expect(ended.verdict?.message.contains("killed 1 process of it") == true)
    }
  }

  @Test func usageIsLiveAndFinal() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell(
          "dd if=/dev/zero of=/tmp/x bs=64k count=16 oflag=direct 2>/dev/null; "
            + "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo ready; sleep 1000"),
        owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      let live = try await worker.status(job.id).usage
      #expect(live.pids >= 2)
      #expect(live.cpuUserTime > .zero && live.cpuTime >= live.cpuUserTime)
      #expect(live.ioWriteBytes >= 1 << 20 && live.ioWriteOps >= 16)
      let final = try await worker.stop(job.id, grace: .zero, by: "bob").usage
      #expect(final.pids == 0)
      #expect(final.cpuTime >= live.cpuTime && final.ioWriteOps >= live.ioWriteOps)
    }
  }

  @Test func theSenderOfASignalIsInTheVerdict() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
      try await worker.signal(job.id, 1, by: "bob")
      #expect(try await worker.wait(job.id).verdict?.message == "ended by signal HUP, sent by bob")
    }
  }
}
