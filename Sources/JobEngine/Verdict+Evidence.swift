import JobStore
import Linux

/// From facts to a verdict: how and why a job ended.
extension Verdict {
  /// Precedence: lost, then who ended it on purpose, then lack of memory, then its own end.
  init(_ record: ExitRecord, spec: JobSpec, startTime: Int64? = nil) {
    let counters = Counters(record)
    // Stalls are counted from the first process in the job's cgroup on, before it was started.
    let wall =
      record.lifetime.map { Duration.nanoseconds(Int64(clamping: $0)) }
      ?? startTime.map { Duration.nanoseconds(max(record.time - $0, 0)) }
    var evidence = counters.lines(wall: wall, budget: spec.cpuTime)
    if let report = counters.killReport {
      evidence.append(report.line(kills: counters.usage.oomKills, end: record.end))
    }
    if let why = record.lost {
      self.init(reason: .lost, message: "lost: \(why)", evidence: evidence)
      return
    }
    let (reason, sentence) = Self.judge(record, spec, counters)
    let asides = counters.asides(isOutOfMemory: reason == .oomKilled, limits: spec.limits)
    let message = sentence + asides
    self.init(reason: reason, message: message, evidence: evidence)
    switch record.end {
    case .exited(let code): self.code = code
    case .signaled(let number): self.signal = number
    // PID 1 was killed, and with it all others, see pid_namespaces(7).
    case nil: self.signal = 9
    }
  }

  private static func judge(
    _ record: ExitRecord, _ spec: JobSpec, _ counters: Counters
  ) -> (Reason, String) {
    switch record.cause {
    case .stop(let by):
      return (.stopped, "stopped by \(by)" + self.suffix(record))
    case .timeout:
      let time = spec.timeout.map { " of \($0)" } ?? ""
      return (.timedOut, "ended by its timeout\(time)" + self.suffix(record))
    case .cpuTime:
      let time = spec.cpuTime.map { " of \($0)" } ?? ""
      return (.timedOut, "ended by its budget of processor time\(time)" + self.suffix(record))
    case .output(let errno):
      let why = SystemError.reason(errno: errno)
      return (.stopped, "stopped as its output could not be written: \(why)")
    case .quota:
      let quota = spec.outputQuota.map { " of \($0) bytes" } ?? ""
      return (.stopped, "stopped as its output reached the quota\(quota)")
    case .itself:
      return self.judgeOwnEnd(record, spec, counters)
    }
  }

  private static func judgeOwnEnd(
    _ record: ExitRecord, _ spec: JobSpec, _ counters: Counters
  ) -> (Reason, String) {
    let killed = record.end == nil || record.end == .signaled(number: 9)
    let kills = counters.usage.oomKills
    if killed, record.signaledBy == nil, kills > 0,
      counters.killReport?.answer(kills: kills, end: record.end) != .others
    {
      let why = self.outOfMemory(spec.limits, counters, record.end)
      return (.oomKilled, "killed by the kernel: \(why)")
    }
    switch record.end {
    case .exited(let code): return (.exited, "exited with code \(code)")
    case .signaled(let number):
      return (.signaled, "ended by signal \(self.name(number))" + self.sender(record, number))
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
    // One that ended by itself at the moment of the kill was not killed.
    if case .exited = record.end { return ", \(how)" }
    return record.killed ? ", killed after the grace period" : ", \(how)"
  }

  private static func name(_ number: Int32) -> String {
    Signal(number: number)?.name ?? "\(number)"
  }

  /// A program that went on after a signal may end by another one of the same number that is its own.
  private static let soon: UInt64 = 1_000_000_000

  private static func sender(_ record: ExitRecord, _ number: Int32) -> String {
    guard let name = record.signaledBy else { return "" }
    guard let ago = record.signaledAgo, ago > self.soon else { return ", sent by \(name)" }
    let seconds = (Double(ago) / 1e8).rounded() / 10
    return "; \(name) had sent \(self.name(number)) \(seconds) s before"
  }

  private static func outOfMemory(
    _ limits: Limits, _ counters: Counters, _ end: ProcessEnd?
  ) -> String {
    switch counters.killReport?.place(end: end) {
    case .group(let path):
      return "memory ran out above the job: at the limit of the cgroup \(path) that it is in"
    case .host: return "memory ran out above the job: on the host"
    case nil where !counters.isOwnMemoryLimit(limits):
      return "memory ran out above the job: at the limit of a cgroup that it is in, or on the host"
    case .job, nil:
      return "memory limit" + (limits.memory.map { " of \($0) bytes" } ?? "") + " reached"
    }
  }
}
