import JobAPI
import SwiftProtobuf

/// What `worker doctor` looks at. Jobs use what every host has: a shell and coreutils. Each ends by itself
/// in seconds, and by its timeout otherwise.
extension DoctorCheck {
  static let all = [
    start, output, isolation, timeout, cpu, memory, pids, ioWrite, ioRead, stop,
  ]

  private static func job(
    _ command: String..., seconds: Double = 20, limits: Worker_V1_Limits = .init()
  ) -> Worker_V1_JobSpec {
    .with {
      $0.command = command
      $0.labels = ["worker": "doctor"]
      $0.timeout = Google_Protobuf_Duration(rounding: .seconds(1) * seconds)
      $0.limits = limits
    }
  }

  static let start = DoctorCheck(name: "start", spec: job("true")) { evidence in
    .check(evidence.job.exit.reason == .exited, evidence.job.exit.message)
  }

  private static let size = 1 << 20

  static let output = DoctorCheck(
    name: "output", spec: job("sh", "-c", "head -c \(size) /dev/zero; echo end >&2")
  ) { evidence in
    let (stdout, stderr) = (evidence.stdout, evidence.stderr)
    let isWhole =
      stdout.count == size && stdout.allSatisfy { $0 == 0 } && stderr == Array("end\n".utf8)
    return .check(
      isWhole,
      "\(stdout.count) bytes of stdout and \(stderr.count) of stderr came, of \(size) and 4")
  }

  static let timeout = DoctorCheck(
    name: "timeout", spec: job("sleep", "60", seconds: 0.5)
  ) { evidence in
    .check(
      evidence.job.exit.reason == .timedOut && evidence.seconds < 10,
      "\(evidence.job.exit.message), after \(Units.tenths(evidence.seconds, digits: 2)) s of 0.5 s")
  }

  private static let cores = 0.25

  static let cpu = DoctorCheck(
    name: "cpu",
    spec: job("sh", "-c", "while :; do :; done", seconds: 2, limits: .with { $0.cpu = cores })
  ) { evidence in
    guard evidence.job.exit.reason == .timedOut else {
      return DoctorFinding(.unknown, evidence.job.exit.message)
    }
    let time = evidence.job.usage.cpuTime
    let share = (Double(time.seconds) + Double(time.nanos) / 1e9) / max(evidence.seconds, 0.1)
    let took = "a busy loop took \(Units.tenths(share, digits: 3)) of a processor, of \(cores)"
    let throttled = evidence.job.usage.cpuThrottledTime
    guard share >= cores * 0.8 || throttled != Google_Protobuf_Duration() else {
      return DoctorFinding(.unknown, "\(took): the host is too busy to tell")
    }
    return .check(share <= cores * 1.2, took)
  }

  private static let memoryLimit: Int64 = 32 << 20

  static let memory = DoctorCheck(
    name: "memory", spec: job("tail", "/dev/zero", limits: .with { $0.memory = memoryLimit })
  ) { evidence in
    let peak = evidence.job.usage.memoryPeakBytes
    return .check(
      evidence.job.exit.reason == .oomKilled && peak <= memoryLimit,
      "\(evidence.job.exit.message); peak \(Units.bytes(peak)) of \(Units.bytes(memoryLimit))")
  }

  private static let processes: Int64 = 16

  static let pids = DoctorCheck(
    name: "pids",
    spec: job(
      "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4; do sleep 20 & done; done",
      limits: .with { $0.pids = processes })
  ) { evidence in
    let usage = evidence.job.usage
    let refusal = usage.pidsRefusals > 0 ? "one more was refused" : "none was refused"
    // Older kernels do not count the most at a time.
    let peak = usage.pidsPeak > 0 ? "; at most \(usage.pidsPeak) of \(processes) at a time" : ""
    return .check(usage.pidsRefusals > 0 && usage.pidsPeak <= processes, refusal + peak)
  }

  private static let rate: Int64 = 1 << 20
  private static let toWrite = "dd if=/dev/zero of=doctor bs=64k count=32 oflag=direct"

  static let ioWrite = DoctorCheck(
    name: "io-write",
    spec: job("sh", "-c", toWrite, limits: .with { $0.ioWrite = rate })
  ) { evidence in disk(evidence, evidence.job.usage.ioWriteBytes, "written") }

  static let ioRead = DoctorCheck(
    name: "io-read",
    spec: job(
      "sh", "-c", "\(toWrite) && dd if=doctor of=/dev/null bs=64k iflag=direct",
      limits: .with { $0.ioRead = rate })
  ) { evidence in disk(evidence, evidence.job.usage.ioReadBytes, "read") }

  private static func disk(_ evidence: Evidence, _ bytes: Int64, _ what: String) -> DoctorFinding {
    guard evidence.job.exit.reason == .exited, evidence.job.exit.code == 0 else {
      let last = String(decoding: evidence.stderr, as: UTF8.self).split(separator: "\n").last ?? ""
      return DoctorFinding(.unknown, "\(evidence.job.exit.message): \(last)")
    }
    guard bytes >= 1 << 20 else {
      return DoctorFinding(.unknown, "the kernel counted \(bytes) bytes \(what), of 2M")
    }
    let measured = Int64(Double(bytes) / max(evidence.seconds, 0.001))
    let moved =
      "\(Units.bytes(measured)) a second \(what) past the page cache, of \(Units.bytes(rate))"
    // All that the job does besides takes time, too.
    guard measured >= rate / 2 else {
      return DoctorFinding(.unknown, "\(moved): the disk, or the host, is too slow to tell")
    }
    return .check(measured <= rate + rate / 4, moved)
  }

  /// Ignores the signal, and has a process that has left its session.
  static let stop = DoctorCheck(
    name: "stop",
    spec: job("sh", "-c", "trap '' TERM; setsid sleep 60 & echo; while :; do sleep 60; done"),
    stops: true
  ) { evidence in
    // What its shell complains of, as of no setsid, was not tried.
    if let problem = String(decoding: evidence.stderr, as: UTF8.self).split(separator: "\n").first {
      return DoctorFinding(.unknown, String(problem))
    }
    return .check(
      evidence.job.state == .finished && evidence.job.exit.reason == .stopped,
      evidence.job.exit.message)
  }
}
