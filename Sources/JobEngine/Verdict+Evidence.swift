import JobStore
import Linux

/// From facts to a verdict: how and why a job ended.
extension Verdict {
  /// Precedence: lost, then who ended it on purpose, then lack of memory, then its own end.
  init(_ record: ExitRecord, spec: JobSpec) {
    if let why = record.lost {
      self.init(reason: .lost, message: "lost: \(why)", evidence: Self.evidence(record))
      return
    }
    let (reason, message) = Self.judge(record, spec)
    self.init(reason: reason, message: message, evidence: Self.evidence(record))
    switch record.end {
    case .exited(let code): self.code = code
    case .signaled(let number): self.signal = number
    // PID 1 was killed, and with it all others, see pid_namespaces(7).
    case nil: self.signal = 9
    }
  }

  private static func judge(_ record: ExitRecord, _ spec: JobSpec) -> (Reason, String) {
    switch record.cause {
    case .stop(let by):
      return (.stopped, "stopped by \(by)" + self.suffix(record))
    case .timeout:
      let time = spec.timeout.map { " of \($0)" } ?? ""
      return (.timedOut, "ended by its timeout\(time)" + self.suffix(record))
    case .output(let errno):
      let why = SystemError.reason(errno: errno)
      return (.lost, "ended because its output could not be written: \(why)")
    case .itself:
      return self.judgeOwnEnd(record, spec)
    }
  }

  private static func judgeOwnEnd(_ record: ExitRecord, _ spec: JobSpec) -> (Reason, String) {
    let killed = record.end == nil || record.end == .signaled(number: 9)
    if killed, self.oomKills(record) > 0 {
      let limit = spec.limits.memory.map { "memory limit of \($0) bytes reached" }
      return (.oomKilled, "killed by the kernel: \(limit ?? "the host ran out of memory")")
    }
    switch record.end {
    case .exited(let code): return (.exited, "exited with code \(code)")
    case .signaled(let number): return (.signaled, "ended by signal \(self.name(number))")
    case nil: return (.signaled, "ended with its PID 1, which was killed from outside")
    }
  }

  private static func suffix(_ record: ExitRecord) -> String {
    let how =
      switch record.end {
      case .exited(let code): "exited with code \(code)"
      case .signaled(let number): "ended by signal \(self.name(number))"
      case nil: "ended with its PID 1"
      }
    return record.killed ? ", killed after the grace period" : ", \(how)"
  }

  private static func name(_ number: Int32) -> String {
    Signal(number: number)?.name ?? "\(number)"
  }

  private static func oomKills(_ record: ExitRecord) -> Int64 {
    let files = record.evidence.filter {
      $0.name == "memory.events" || $0.name == "v1/memory.oom_control"
    }
    return files.compactMap { KernelFile.value(of: "oom_kill", in: $0.content) }.max() ?? 0
  }

  /// The counters that say something, as `memory.events: oom_kill 1`.
  private static func evidence(_ record: ExitRecord) -> [String] {
    let telling: [String: [String]] = [
      "memory.events": ["max", "oom", "oom_kill"], "v1/memory.oom_control": ["oom_kill"],
      "pids.events": ["max"], "v1/pids.events": ["max"],
      "cpu.stat": ["nr_throttled"], "v1/cpu.stat": ["nr_throttled"],
    ]
    var lines: [String] = []
    for file in record.evidence {
      let name = file.name.hasPrefix("v1/") ? String(file.name.dropFirst(3)) : file.name
      for key in telling[file.name] ?? [] {
        guard let value = KernelFile.value(of: key, in: file.content), value > 0 else { continue }
        lines.append("\(name): \(key) \(value)")
      }
    }
    return lines
  }
}
