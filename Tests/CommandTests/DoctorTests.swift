import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// What `worker doctor` makes of the jobs that it has seen.
@Suite struct DoctorTests {
  /// A job that ended after so many seconds.
  static func evidence(
    _ reason: Worker_V1_ExitReason = .exited, seconds: Double = 2, stdout: String = "",
    stderr: String = "", usage: Worker_V1_Usage = .init()
  ) -> DoctorCheck.Evidence {
    var evidence = DoctorCheck.Evidence()
    evidence.job.state = .finished
    evidence.job.exit.reason = reason
    if reason == .exited { evidence.job.exit.code = 0 }
    evidence.job.startTime = .init(seconds: 100, nanos: 500_000_000)
    let end = 100.5 + seconds
    evidence.job.endTime = .init(
      seconds: Int64(end), nanos: Int32((end - end.rounded(.down)) * 1e9))
    evidence.job.usage = usage
    evidence.stdout = Array(stdout.utf8)
    evidence.stderr = Array(stderr.utf8)
    return evidence
  }

  @Test(
    arguments: [
      (500, false, DoctorFinding.Result.holds), (590, true, .holds), (610, true, .fails),
      (2000, false, .fails), (300, true, .holds), (300, false, .unknown),
    ] as [(Int64, Bool, DoctorFinding.Result)])
  func theShareOfAProcessorIsMeasured(
    milliseconds: Int64, throttled: Bool, result: DoctorFinding.Result
  ) {
    let usage = Worker_V1_Usage.with {
      $0.cpuTime = Google_Protobuf_Duration(rounding: .milliseconds(milliseconds))
      $0.cpuThrottledTime = Google_Protobuf_Duration(rounding: .seconds(throttled ? 1 : 0))
    }
    let finding = DoctorCheck.cpu.judge(Self.evidence(.timedOut, usage: usage))
    #expect(finding.result == result, "\(finding)")
    // Without a loop that ran there is nothing to measure.
    #expect(DoctorCheck.cpu.judge(Self.evidence(.exited, usage: usage)).result == .unknown)
  }

  @Test func memoryHoldsByItsPeakAndItsEnd() {
    func result(_ reason: Worker_V1_ExitReason, _ peak: Int64) -> DoctorFinding.Result {
      DoctorCheck.memory.judge(
        Self.evidence(reason, usage: .with { $0.memoryPeakBytes = peak })
      ).result
    }
    #expect(result(.oomKilled, 32 << 20) == .holds)
    #expect(result(.oomKilled, 33 << 20) == .fails)
    #expect(result(.timedOut, 32 << 20) == .fails)
    #expect(result(.signaled, 1 << 20) == .fails)
  }

  @Test func processesHoldByARefusalAndThePeak() {
    func result(_ refusals: Int64, _ peak: Int64) -> DoctorFinding.Result {
      let usage = Worker_V1_Usage.with {
        $0.pidsRefusals = refusals
        $0.pidsPeak = peak
      }
      return DoctorCheck.pids.judge(Self.evidence(usage: usage)).result
    }
    #expect(result(1, 16) == .holds)
    #expect(result(0, 16) == .fails)
    #expect(result(1, 17) == .fails)
  }

  @Test func aRateIsWhatWasMovedInItsTime() {
    func finding(_ bytes: Int64, _ seconds: Double) -> DoctorFinding {
      DoctorCheck.ioWrite.judge(
        Self.evidence(seconds: seconds, usage: .with { $0.ioWriteBytes = bytes }))
    }
    #expect(finding(2 << 20, 2).result == .holds)
    #expect(finding(2 << 20, 0.5).result == .fails)
    // The limit was never reached.
    #expect(finding(2 << 20, 5).result == .unknown)
    // What nothing was counted of proves nothing.
    #expect(finding(0, 2).result == .unknown)
    var refused = Self.evidence(stderr: "dd: failed to open 'doctor': Invalid argument\n")
    refused.job.exit.code = 1
    let told = DoctorCheck.ioWrite.judge(refused)
    #expect(told.result == .unknown && told.detail.hasSuffix("Invalid argument"))
  }

  @Test func outputThatIsNotWholeFails() {
    var whole = Self.evidence(stderr: "end\n")
    whole.stdout = [UInt8](repeating: 0, count: 1 << 20)
    #expect(DoctorCheck.output.judge(whole).result == .holds)
    var other = whole
    other.stdout[77] = 1
    #expect(DoctorCheck.output.judge(other).result == .fails)
    other = whole
    other.stdout.removeLast()
    #expect(DoctorCheck.output.judge(other).result == .fails)
    other = whole
    other.stderr = []
    #expect(DoctorCheck.output.judge(other).result == .fails)
  }

  static let closed = """
    uid 2013265920
    CapInh: 0000000000000000
    CapPrm: 0000000000000000
    CapEff: 0000000000000000
    CapBnd: 0000000000000000
    CapAmb: 0000000000000000
    NoNewPrivs: 1
    Seccomp: 2
    processes 3
    interface lo:

    """

  @Test func aJobThatIsClosedInHolds() {
    let finding = DoctorCheck.isolation.judge(Self.evidence(stdout: Self.closed))
    #expect(finding.result == .holds && finding.detail.hasPrefix("uid 2013265920, "), "\(finding)")
  }

  @Test(
    arguments: [
      ("uid 2013265920", "uid 0", "it runs as root"),
      ("CapBnd: 0000000000000000", "CapBnd: 00000000a80425fb", "it has capabilities (CapBnd:"),
      ("CapEff: 0000000000000000\n", "", "it has capabilities (CapEff:"),
      ("NoNewPrivs: 1", "NoNewPrivs: 0", "it may gain privileges"),
      ("Seccomp: 2", "Seccomp: 0", "no seccomp filter"),
      ("processes 3", "processes 120", "it sees 120 processes"),
      ("interface lo:", "interface lo:\ninterface eth0:", "it has a network: lo: eth0:"),
      ("uid 2013265920", "uid 1\nwrote /etc/worker-doctor", "it can write /etc/worker-doctor"),
    ])
  func eachOpeningFails(sound: String, opened: String, problem: String) {
    let text = Self.closed.replacing(sound, with: opened)
    let finding = DoctorCheck.isolation.judge(Self.evidence(stdout: text))
    #expect(finding.result == .fails && finding.detail.hasPrefix(problem), "\(finding)")
  }

  @Test func aStopIsTheEnd() {
    #expect(DoctorCheck.stop.judge(Self.evidence(.stopped)).result == .holds)
    #expect(DoctorCheck.stop.judge(Self.evidence(.timedOut)).result == .fails)
    let untried = Self.evidence(.stopped, stderr: "sh: 1: setsid: not found\n")
    #expect(DoctorCheck.stop.judge(untried) == DoctorFinding(.unknown, "sh: 1: setsid: not found"))
  }

  @Test func linesAreAligned() {
    #expect(
      DoctorFinding(.holds, "peak 32M\nof 32M").line("memory")
        == "memory     holds    peak 32M of 32M\n")
  }
}
