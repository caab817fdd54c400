import Linux

/// What all unfinished jobs of a worker may have together, so that they leave the host alive; nil
/// means no bound of that kind.
///
/// What asks for limits is held to the sum. A job that asks for no limit of a bounded kind counts for
/// nothing in it, and none is refused for a limit that nobody thought of: it gets the total itself as its
/// limit (half of it of processes), and what all jobs have together is bounded by the cgroup they are in.
public struct HostTotals: Hashable, Sendable {
  /// How many jobs.
  public var jobs: Int?
  /// How many of one owner.
  public var jobsPerOwner: Int?
  /// Cores.
  public var cpu: Double?
  /// Bytes.
  public var memory: Int64?
  /// Processes and threads.
  public var pids: Int64?
  /// No total: the weight of all jobs together beside the rest of the host; nil is the kernel's.
  public var cpuWeight: Int64?

  /// Half of what the kernel gives each of the host's own services: these answer beside jobs that take
  /// all they can get. Jobs among themselves share as ever, and a host with nothing else to do is theirs.
  public static let usualCPUWeight: Int64 = 50

  /// No bound at all.
  public init() {}

  /// What suits this host: 1024 jobs, nine tenths of its memory, half of the processes its kernel
  /// allows. No bound of cores, as the kernel shares them.
  public static func suitable() -> HostTotals {
    var totals = HostTotals()
    totals.jobs = 1024
    totals.memory = self.memory(of: (try? File.readText("/proc/meminfo")) ?? "").map { $0 / 10 * 9 }
    let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"].compactMap {
      (try? File.readText($0)).flatMap { Int64($0.prefix { !$0.isWhitespace }) }
    }
    totals.pids = limits.min().map { $0 / 2 }
    totals.cpuWeight = self.usualCPUWeight
    return totals
  }

  /// A line is `MemTotal:  8039284 kB`, see proc_meminfo(5).
  static func memory(of meminfo: String) -> Int64? {
    let line = meminfo.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 << 10 }
  }
}

extension HostTotals {
  /// Throws where not even one job would fit, with the least that one takes, and where a job could not be
  /// given the total as its limit.
  func validate() throws(WorkerError) {
    let any = 1...Double(Int.max)
    let bounds: [(String, Double?, ClosedRange<Double>)] = [
      ("max-jobs", self.jobs.map(Double.init), any),
      ("max-jobs-per-user", self.jobsPerOwner.map(Double.init), any),
      ("max-cpu", self.cpu, Limits.minCPU...Limits.maxCPU),
      (
        "max-memory", self.memory.map(Double.init),
        Double(Limits.minMemory)...Double(Limits.maxMemory)
      ),
      ("max-pids", self.pids.map(Double.init), Double(Limits.minPIDs)...Double(Limits.maxPIDs)),
    ]
    for (name, total, range) in bounds {
      guard let total, !range.contains(total) else { continue }
      let bound =
        total > range.upperBound
        ? "most \(range.upperBound.plain), or none"
        : "least \(range.lowerBound.plain), which one job takes"
      throw .invalid("\(name) must be at \(bound), got \(total.plain)")
    }
  }

  /// Whether one more job fits beside those that there are.
  func check(count: Int, ofOwner: Int, owner: String) throws(WorkerError) {
    if let jobs = self.jobs, count >= jobs {
      throw WorkerError(
        .resourceExhausted,
        "this host has \(count) unfinished jobs, and the server allows \(jobs): wait for one to "
          + "end, or stop one")
    }
    if let jobs = self.jobsPerOwner, ofOwner >= jobs {
      throw WorkerError(
        .resourceExhausted,
        "'\(owner)' has \(ofOwner) unfinished jobs, and the server allows each user \(jobs): wait "
          + "for one to end, or stop one")
    }
  }

  /// Whether these limits fit beside those of the other unfinished jobs. `old`: what a job that runs
  /// has; what does not grow is no matter of a change, as the bound may be less by now.
  func check(
    _ limits: Limits, from old: Limits = Limits(), beside others: some Collection<Limits>
  ) throws(WorkerError) {
    for (name, quantity) in Self.quantities {
      guard let wanted = quantity(limits), wanted > quantity(old) ?? 0 else { continue }
      let held = others.reduce(0) { $0.plus(quantity($1) ?? 0) }
      try Self.check(name, wanted, self.bound(name), held)
    }
  }

  private static let quantities: [(String, @Sendable (Limits) -> Double?)] = [
    ("cpu", { $0.cpu }), ("memory", { $0.memory.map(Double.init) }),
    ("pids", { $0.pids.map(Double.init) }),
  ]

  private func bound(_ quantity: String) -> Double? {
    switch quantity {
    case "cpu": self.cpu
    case "memory": self.memory.map(Double.init)
    default: self.pids.map(Double.init)
    }
  }

  private static func check(
    _ name: String, _ wanted: Double, _ bound: Double?, _ held: Double
  ) throws(WorkerError) {
    guard let bound, held.plus(wanted) > bound else { return }
    throw WorkerError(
      .resourceExhausted,
      "\(name): the unfinished jobs of this host have \(held.plain) of the \(bound.plain) "
        + "that the server allows, and this one asks for \(wanted.plain): ask for less, or wait "
        + "for one to end")
  }

  /// The limits that a job gets: where it asked for none, the total, if this host can enforce it.
  func filling(_ limits: Limits, _ layout: CgroupLayout) -> Limits {
    var limits = limits
    if layout.place(of: CPU.self) != nil { limits.cpu = limits.cpu ?? self.cpu }
    // One that takes all processes it can get must leave some to start others with.
    if layout.place(of: PIDs.self) != nil {
      limits.pids = limits.pids ?? self.pids.map { max($0 / 2, Limits.minPIDs) }
    }
    guard limits.memory == nil, let memory = self.memory, layout.place(of: Memory.self) != nil
    else { return limits }
    // A limit of memory is one of swap, too, and a job that asked for neither shall keep its swap.
    guard !Self.hasSwap else { return limits }
    limits.memory = max(memory, limits.memoryHigh ?? 0)
    return limits
  }

  private static var hasSwap: Bool {
    // The first line is a headline, see swapon(8).
    ((try? File.readText("/proc/swaps")) ?? "").split(separator: "\n").count > 1
  }
}
