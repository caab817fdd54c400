import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What a job may use, and what can be changed while it runs. Values are taken as they come, so that one
/// below zero is named as such.
struct LimitOptions: ParsableArguments, Sendable {
  @Option(parsing: .unconditional, help: "Cores, as 1.5.", transform: Values.cores)
  var cpu: Double?

  @Option(
    parsing: .unconditional,
    help:
      "Share of the processors beside other jobs, 1 to 10000. (default: 100)",
    transform: Values.whole)
  var cpuWeight: Int64?

  @Option(
    parsing: .unconditional, help: "The processors it may run on, as 0-3,6.",
    transform: Values.processors)
  var cpuset: String?

  @Option(parsing: .unconditional, help: "Bytes of memory, as 256M.", transform: Values.size)
  var memory: Int64?

  @Option(
    parsing: .unconditional, help: "Bytes of swap on top. (default: none)", transform: Values.size)
  var memorySwap: Int64?

  @Option(
    parsing: .unconditional,
    help: "Bytes of memory from which on it is slowed down; cgroup v2 only.",
    transform: Values.size)
  var memoryHigh: Int64?

  @Flag(help: "Lack of memory ends the whole job, not one process of it; cgroup v2 only.")
  var memoryOomGroup = false

  @Option(
    parsing: .unconditional, help: "Bytes a second read from each disk, as 10M.",
    transform: Values.size)
  var ioRead: Int64?

  @Option(
    parsing: .unconditional,
    help: "Bytes a second written to each disk; on cgroup v1 with --best-effort only.",
    transform: Values.size)
  var ioWrite: Int64?

  @Option(
    parsing: .unconditional, help: "Read operations a second on each disk.", transform: Values.whole
  )
  var ioReadOps: Int64?

  @Option(
    parsing: .unconditional,
    help: "Write operations a second on each disk; on cgroup v1 with --best-effort only.",
    transform: Values.whole)
  var ioWriteOps: Int64?

  @Option(
    parsing: .unconditional, help: "Share of each disk beside others, 1 to 10000. (default: 100)",
    transform: Values.whole)
  var ioWeight: Int64?

  @Option(parsing: .unconditional, help: "Processes and threads.", transform: Values.whole)
  var pids: Int64?

  var message: Worker_V1_Limits {
    .with {
      if let cpu { $0.cpu = cpu }
      if let cpuWeight { $0.cpuWeight = cpuWeight }
      $0.cpuset = self.cpuset ?? ""
      if let memory { $0.memory = memory }
      if let memorySwap { $0.memorySwap = memorySwap }
      if let memoryHigh { $0.memoryHigh = memoryHigh }
      $0.memoryOomGroup = self.memoryOomGroup
      if let ioRead { $0.ioRead = ioRead }
      if let ioWrite { $0.ioWrite = ioWrite }
      if let ioReadOps { $0.ioReadOps = ioReadOps }
      if let ioWriteOps { $0.ioWriteOps = ioWriteOps }
      if let ioWeight { $0.ioWeight = ioWeight }
      if let pids { $0.pids = pids }
    }
  }
}
