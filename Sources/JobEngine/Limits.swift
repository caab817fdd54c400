/// Limits over all processes of a job; nil means none of that kind. What cannot be enforced is refused.
public struct Limits: Hashable, Sendable {
  /// Cores, as 1.5; at least 0.01 (cpu.max; v1: cpu.cfs_quota_us).
  public var cpu: Double?
  /// Bytes; at least 4 MiB (memory.max; v1: memory.limit_in_bytes).
  public var memory: Int64?
  /// Bytes of swap on top of `memory`; none where only `memory` is set (memory.swap.max).
  public var memorySwap: Int64?
  /// Bytes a second read from each disk (io.max rbps; v1: blkio.throttle.read_bps_device).
  public var ioRead: Int64?
  /// Bytes a second written.
  public var ioWrite: Int64?
  /// Read operations a second.
  public var ioReadOps: Int64?
  /// Write operations a second.
  public var ioWriteOps: Int64?
  /// Processes and threads, PID 1 included; at least 3 (pids.max).
  public var pids: Int64?

  /// No limit at all.
  public init() {}
}
