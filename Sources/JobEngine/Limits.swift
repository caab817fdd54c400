/// Limits over all processes of a job; nil means none of that kind. What cannot be enforced is refused.
public struct Limits: Hashable, Sendable {
  /// Cores, as 1.5; at least 0.01 (cpu.max; v1: cpu.cfs_quota_us).
  public var cpu: Double?
  /// Share of the processors beside others that want them, 1 to 10000; 100 is that of a
  /// service of the host's (cpu.weight; v1: cpu.shares, in the same proportion).
  public var cpuWeight: Int64?
  /// The processors it may run on, as `0-3,6` (cpuset.cpus).
  public var cpuset: String?
  /// Bytes; at least 4 MiB (memory.max; v1: memory.limit_in_bytes).
  public var memory: Int64?
  /// Bytes of swap on top of `memory`; none where only `memory` is set (memory.swap.max).
  public var memorySwap: Int64?
  /// Bytes above which it is slowed down and its memory reclaimed (memory.high; not on v1).
  public var memoryHigh: Int64?
  /// True: lack of memory ends all of the job and not one process (memory.oom.group; not on v1).
  public var memoryOOMGroup = false
  /// Bytes a second read from each disk (io.max rbps; v1: blkio.throttle.read_bps_device).
  public var ioRead: Int64?
  /// Bytes a second written.
  public var ioWrite: Int64?
  /// Read operations a second.
  public var ioReadOps: Int64?
  /// Write operations a second.
  public var ioWriteOps: Int64?
  /// Share of each disk beside others that want it, 1 to 10000; 100 is everybody's (io.weight,
  /// io.bfq.weight; v1: blkio.bfq.weight).
  public var ioWeight: Int64?
  /// Processes and threads, PID 1 included; at least 3 (pids.max).
  public var pids: Int64?
  /// Limits of each single process, see setrlimit(2).
  public var resources: [Resource: ResourceLimit] = [:]
  /// True: what this host cannot enforce is left out and shown as such, instead of refused.
  public var bestEffort = false

  /// No limit at all.
  public init() {}
}

/// What setrlimit(2) limits, of each process by itself.
public enum Resource: String, CaseIterable, Hashable, Sendable {
  /// Open descriptors.
  case nofile
  /// Bytes of a core dump.
  case core
  /// Bytes of a file it writes.
  case fsize
  /// Bytes of its stack.
  case stack
}

/// A soft limit, and the hard one up to which a process may raise it; nil means unlimited.
public struct ResourceLimit: Hashable, Sendable {
  /// What holds.
  public var soft: UInt64?
  /// What it may be raised to.
  public var hard: UInt64?

  /// A limit of these parts.
  public init(soft: UInt64?, hard: UInt64?) {
    self.soft = soft
    self.hard = hard
  }
}
