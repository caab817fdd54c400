import JobStore
import Linux

/// From facts to a verdict: how and why a job ended.
extension Verdict {
  /// Precedence: lost, then who ended it on purpose, then lack of memory, then its own end.
  init(_ record: ExitRecord, spec: JobSpec, startTime: Int64? = nil) {
    let counters = Counters(record)
    let wall = startTime.map { Duration.nanoseconds(max(record.time - $0, 0)) }
    let evidence = counters.lines(wall: wall, budget: spec.cpuTime)
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
    if killed, record.signaledBy == nil, counters.usage.oomKills > 0 {
      return (.oomKilled, "killed by the kernel: \(self.outOfMemory(spec.limits, counters))")
    }
    switch record.end {
    case .exited(let code): return (.exited, "exited with code \(code)")
    case .signaled(let number):
      let by = record.signaledBy.map { ", sent by \($0)" } ?? ""
      return (.signaled, "ended by signal \(self.name(number))\(by)")
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

  private static func outOfMemory(_ limits: Limits, _ counters: Counters) -> String {
    guard counters.isOwnMemoryLimit(limits) else {
      return "memory ran out above the job: at the limit of a cgroup that it is in, or on the host"
    }
    return "memory limit" + (limits.memory.map { " of \($0) bytes" } ?? "") + " reached"
  }
}
