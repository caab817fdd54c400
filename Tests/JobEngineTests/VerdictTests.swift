import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct VerdictTests {
  private func verdict(
    end: ProcessEnd?, cause: ExitRecord.Cause = .itself, killed: Bool = false,
    evidence: [(String, String)] = [], lost: String? = nil, memory: Int64? = nil
  ) -> Verdict {
    var spec = JobSpec(command: ["true"])
    spec.limits.memory = memory
    let record = ExitRecord(
      end: end, cause: cause, killed: killed, time: 0, journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: evidence.map { .init(name: $0.0, content: $0.1) }, lost: lost)
    return Verdict(record, spec: spec)
  }

  @Test func exitIsAnExit() {
    let verdict = self.verdict(end: .exited(code: 137))
    #expect(verdict == Verdict(reason: .exited, code: 137, message: "exited with code 137"))
  }

  @Test func signalIsASignal() {
    let verdict = self.verdict(end: .signaled(number: 11))
    #expect(verdict == Verdict(reason: .signaled, signal: 11, message: "ended by signal SEGV"))
  }

  @Test func killWithoutEvidenceIsNoLackOfMemory() {
    let events = [("memory.events", "low 0\nmax 5\noom 0\noom_kill 0\n")]
    let verdict = self.verdict(end: .signaled(number: 9), evidence: events)
    #expect(verdict.reason == .signaled)
    #expect(verdict.evidence == ["memory.events: max 5"])
  }

  @Test(arguments: [
    ("memory.events", "low 0\nmax 5\noom 1\noom_kill 1\n"),
    ("v1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
  ])
  func killWithEvidenceIsLackOfMemory(file: String, content: String) {
    let verdict = self.verdict(
      end: .signaled(number: 9), evidence: [(file, content)], memory: 64 << 20)
    #expect(verdict.reason == .oomKilled)
    #expect(verdict.signal == 9)
    #expect(verdict.message.contains("67108864"))
    let shown = file.hasPrefix("v1/") ? "memory.oom_control" : file
    #expect(verdict.evidence.contains("\(shown): oom_kill 1"))
  }

  @Test func lackOfMemoryOfAChildIsShownButNotTheVerdict() {
    let verdict = self.verdict(
      end: .exited(code: 1), evidence: [("memory.events", "oom_kill 2\n")])
    #expect(verdict.reason == .exited)
    #expect(verdict.evidence == ["memory.events: oom_kill 2"])
  }

  @Test func deathOfInitForLackOfMemoryIsLackOfMemory() {
    let verdict = self.verdict(end: nil, evidence: [("memory.events", "oom_kill 1\n")])
    #expect(verdict.reason == .oomKilled)
  }

  @Test func stopWinsOverTheEnd() {
    let verdict = self.verdict(end: .exited(code: 0), cause: .stop(by: "bob"))
    #expect(verdict.reason == .stopped)
    #expect(verdict.code == 0)
    #expect(verdict.message == "stopped by bob, exited with code 0")
  }

  @Test func timeoutWithKillSaysSo() {
    let verdict = self.verdict(end: .signaled(number: 9), cause: .timeout, killed: true)
    #expect(verdict.reason == .timedOut)
    #expect(verdict.message.hasSuffix("killed after the grace period"))
  }

  @Test func aKeeperThatLeftByItselfWasNotKilled() {
    #expect(Remains.why(.signaled(number: 9)) == "its keeper was killed")
    #expect(Remains.why(.signaled(number: 7)) == "its keeper was ended by signal 7")
    #expect(Remains.why(.exited(code: 1)).hasPrefix("its keeper could not write down"))
    #expect(Remains.why(nil).contains("killed, or could not"))
  }

  @Test func lostWinsOverAll() {
    let verdict = self.verdict(end: nil, cause: .stop(by: "bob"), lost: "its keeper was killed")
    #expect(verdict.reason == .lost)
    #expect(verdict.message == "lost: its keeper was killed")
    #expect(verdict.signal == nil)
  }
}

@Suite struct UsageTests {
  @Test func filesOfVersion2() {
    let usage = Usage([
      .init(name: "cpu.stat", content: "usage_usec 1500\nuser_usec 1\nthrottled_usec 20\n"),
      .init(name: "memory.peak", content: "4096\n"),
      .init(name: "memory.current", content: "1024\n"),
      .init(name: "io.stat", content: "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n"),
      .init(name: "pids.current", content: "3\n"),
    ])
    #expect(usage.cpuTime == .microseconds(1500))
    #expect(usage.cpuThrottledTime == .microseconds(20))
    #expect(usage.memoryPeakBytes == 4096)
    #expect(usage.memoryBytes == 1024)
    #expect(usage.ioReadBytes == 11)
    #expect(usage.ioWriteBytes == 22)
    #expect(usage.pids == 3)
  }

  @Test func filesOfVersion1() {
    let usage = Usage([
      .init(name: "v1/cpuacct.usage", content: "1500000\n"),
      .init(name: "v1/cpu.stat", content: "nr_throttled 3\nthrottled_time 20000\n"),
      .init(name: "v1/memory.max_usage_in_bytes", content: "4096\n"),
      .init(
        name: "v1/blkio.throttle.io_service_bytes",
        content: "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n"),
    ])
    #expect(usage.cpuTime == .microseconds(1500))
    #expect(usage.cpuThrottledTime == .microseconds(20))
    #expect(usage.memoryPeakBytes == 4096)
    #expect(usage.ioReadBytes == 10)
    #expect(usage.ioWriteBytes == 20)
  }

  @Test func nonsenseCountsAsNothing() {
    let usage = Usage([
      .init(name: "cpu.stat", content: "usage_usec"), .init(name: "memory.peak", content: "max"),
      .init(name: "io.stat", content: "8:0 rbytes=x"),
    ])
    #expect(usage == Usage())
  }
}
