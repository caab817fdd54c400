import JobStore

/// What the kernel's files say about an end, in words.
struct Counters {
  private let contents: [String: String]
  let usage: Usage
  /// What the kernel's log says of the end; nil where the keeper had no need of it.
  let killReport: KillReport?

  init(_ record: ExitRecord) {
    self.contents = Dictionary(record.evidence.map { ($0.name, $0.content) }) { $1 }
    self.usage = Usage(record.evidence)
    self.killReport = self.contents[KillReport.name].map { KillReport($0) }
  }

  /// The number behind `key` in a file of either version.
  func value(_ key: String, in file: String) -> Int64 {
    let texts = [self.contents[file], self.contents["v1/\(file)"]].compactMap { $0 }
    return texts.compactMap { KernelFile.value(of: key, in: $0) }.max() ?? 0
  }

  /// Whether memory ran out at the job's own limit, and not at one above it or on the host. v2 counts
  /// `oom` where the limit was. v1 has no count that says so on every kernel: memory.failcnt stays 0 where
  /// memory and swap together are refused first, and the failcnt of both together on some (6.18). There
  /// the peak tells, which came up to the limit.
  func isOwnMemoryLimit(_ limits: Limits) -> Bool {
    if let events = self.contents["memory.events"],
      let count = KernelFile.value(of: "oom", in: events)
    {
      return count > 0
    }
    guard let limit = limits.memory else { return false }
    // Whatever the limit was at that time.
    let refusals = ["v1/memory.failcnt", "v1/memory.memsw.failcnt"].compactMap(self.number(in:))
    if refusals.contains(where: { $0 > 0 }) { return true }
    let reached = [
      ("v1/memory.max_usage_in_bytes", limit),
      ("v1/memory.memsw.max_usage_in_bytes", limit + (limits.memorySwap ?? 0)),
    ].compactMap { file, limit in
      self.number(in: file).map { $0 + Self.mostAtOnce > limit }
    }
    return reached.isEmpty || reached.contains(true)
  }

  /// The kernel kills for want of at most 8 pages (PAGE_ALLOC_COSTLY_ORDER); for more it answers ENOMEM.
  private static let mostAtOnce = 8 * Memory.pageSize

  private func number(in file: String) -> Int64? {
    self.contents[file].flatMap { Int64($0.prefix { $0 != "\n" }) }
  }

  /// What else the kernel had to refuse or take, for the end of the verdict's sentence.
  func asides(isOutOfMemory: Bool, limits: Limits) -> String {
    var text = ""
    if self.usage.oomKills > 0, !isOutOfMemory {
      // Killed itself, but not for that: see `KillReport`.
      let other = self.killReport == nil ? "" : "other "
      let killed = Self.count(self.usage.oomKills, "\(other)process", "\(other)processes")
      text += "; the kernel killed \(killed) of it for lack of memory"
    }
    if self.usage.pidsRefusals > 0 {
      text +=
        "; \(self.pidsLimit(limits)) refused "
        + Self.count(self.usage.pidsRefusals, "new one", "new ones")
    }
    return text
  }

  /// Whose limit of processes refused. Before kernel 6.11, and on v1, a refusal is counted where the
  /// fork was tried and not where the limit is; so the peak tells, where the kernel keeps it.
  private func pidsLimit(_ limits: Limits) -> String {
    let peak = self.usage.pidsPeak
    guard let limit = limits.pids else { return "a limit of processes above the job" }
    guard peak == 0 || peak >= limit else {
      return "a limit of processes other than its present one of \(limit)"
    }
    return "its limit of processes"
  }

  /// The counters that say something, as `memory.events: oom_kill 1`.
  func lines(wall: Duration?, budget: Duration?) -> [String] {
    var lines: [String] = []
    for (file, keys) in [
      ("memory.events", ["max", "oom", "oom_kill"]), ("memory.oom_control", ["oom_kill"]),
      ("pids.events", ["max"]),
    ] {
      for key in keys where self.value(key, in: file) > 0 {
        lines.append("\(file): \(key) \(self.value(key, in: file))")
      }
    }
    if let budget {
      lines.append("cpu time: \(Self.text(self.usage.cpuTime)) of a budget of \(Self.text(budget))")
    }
    lines += self.throttling
    for (file, time) in [
      ("cpu.pressure", self.usage.cpuStalledTime),
      ("memory.pressure", self.usage.memoryStalledTime),
      ("io.pressure", self.usage.ioStalledTime),
    ] {
      if let time, let share = Self.share(time, of: wall) {
        lines.append("\(file): stalled for \(Self.text(time)), \(share) % of its time")
      }
    }
    return lines
  }

  /// Of the periods in which it wanted to run at all.
  private var throttling: [String] {
    let count = self.value("nr_throttled", in: "cpu.stat")
    let periods = self.value("nr_periods", in: "cpu.stat")
    guard count > 0 else { return [] }
    guard periods >= count else { return ["cpu.stat: nr_throttled \(count)"] }
    return [
      "cpu.stat: nr_throttled \(count) of \(periods) periods, \(100 * count / periods) %, "
        + "for \(Self.text(self.usage.cpuThrottledTime))"
    ]
  }

  /// Whole per cent; nil when it is less than one or nobody knows.
  private static func share(_ part: Duration, of wall: Duration?) -> Int? {
    guard let wall, wall > .zero else { return nil }
    // The kernel's clock for stalls is another one.
    let share = Int(100 * min(part / wall, 1))
    return share > 0 ? share : nil
  }

  private static func count(_ count: Int64, _ one: String, _ many: String) -> String {
    "\(count) \(count == 1 ? one : many)"
  }

  private static func text(_ duration: Duration) -> String {
    "\((duration / .milliseconds(1)).rounded() / 1000) s"
  }
}
