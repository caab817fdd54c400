import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What a job may use. Values are taken as they come, so that one below zero is named as such.
struct LimitOptions: ParsableArguments, Sendable {
  @Option(parsing: .unconditional, help: "Cores, as 1.5.", transform: Values.cores)
  var cpu: Double?

  @Option(
    parsing: .unconditional,
    help:
      "Share of the processors beside others, 1 to 10000; 100 is a host's service. (default: 50)")
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
    parsing: .unconditional, help: "Bytes a second written to each disk.", transform: Values.size)
  var ioWrite: Int64?

  @Option(parsing: .unconditional, help: "Read operations a second on each disk.")
  var ioReadOps: Int64?

  @Option(parsing: .unconditional, help: "Write operations a second on each disk.")
  var ioWriteOps: Int64?

  @Option(
    parsing: .unconditional, help: "Share of each disk beside others, 1 to 10000. (default: 100)")
  var ioWeight: Int64?

  @Option(parsing: .unconditional, help: "Processes and threads.")
  var pids: Int64?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Of each process: nofile, core, fsize or stack, as nofile=1024:2048; repeatable.",
      valueName: "name=soft[:hard]"),
    transform: ResourceValue.init)
  var ulimit: [ResourceValue] = []

  @Flag(help: "Start even if a limit cannot be enforced on this host; status says which.")
  var bestEffort = false

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
      for value in self.ulimit { $0.resources[value.name] = value.message }
      $0.bestEffort = self.bestEffort
    }
  }
}

/// `NAME=SOFT[:HARD]`, as of ulimit(1): numbers, sizes with K, M or G, or `unlimited`.
struct ResourceValue: Hashable, Sendable {
  let name: String
  /// Nil: unlimited.
  let soft: Int64?
  let hard: Int64?

  private static let names = ["nofile", "core", "fsize", "stack"]
  private static let hint =
    "give NAME=SOFT or NAME=SOFT:HARD with a NAME of nofile, core, fsize or stack, as "
    + "nofile=1024:2048"

  /// With one number, both limits are it.
  init(_ text: String) throws {
    let pair = try Values.pair(text)
    let parts = pair.value.split(separator: ":", omittingEmptySubsequences: false)
    guard Self.names.contains(pair.key), (1...2).contains(parts.count) else {
      throw ValueError(description: Self.hint)
    }
    self.name = pair.key
    self.soft = try Self.number(parts[0])
    self.hard = try Self.number(parts[parts.count - 1])
  }

  private static func number(_ text: Substring) throws -> Int64? {
    if text == "unlimited" { return nil }
    do { return try Values.size(String(text)) } catch {
      throw ValueError(description: Self.hint)
    }
  }

  var message: Worker_V1_ResourceLimit {
    .with {
      if let soft { $0.soft = UInt64(soft) }
      if let hard { $0.hard = UInt64(hard) }
    }
  }
}
