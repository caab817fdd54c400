import JobEngine

/// What of a job the policy can bound: one case a quantity, by its name in the policy file.
///
/// A new limit of jobs is one case here; the compiler then asks for the rest.
package enum Cap: String, CaseIterable, Hashable, Sendable {
  case cpu, cpuWeight, memory, memorySwap, ioRead, ioWrite, ioReadOps, ioWriteOps, ioWeight, pids
  case time, cpuTime, output

  enum Unit: Hashable { case number, whole, bytes, seconds }

  var unit: Unit {
    switch self {
    case .cpu: .number
    case .memory, .memorySwap, .ioRead, .ioWrite, .output: .bytes
    case .ioReadOps, .ioWriteOps, .pids, .cpuWeight, .ioWeight: .whole
    case .time, .cpuTime: .seconds
    }
  }

  /// The option of the command line, for messages.
  var option: String {
    switch self {
    case .cpu: "--cpu"
    case .cpuWeight: "--cpu-weight"
    case .memory: "--memory"
    case .memorySwap: "--memory-swap"
    case .ioRead: "--io-read"
    case .ioWrite: "--io-write"
    case .ioReadOps: "--io-read-ops"
    case .ioWriteOps: "--io-write-ops"
    case .ioWeight: "--io-weight"
    case .pids: "--pids"
    case .time: "--timeout"
    case .cpuTime: "--cpu-time"
    case .output: "--output-quota"
    }
  }

  /// What a job without a value has in truth; nil: no bound at all.
  func implied(in spec: JobSpec) -> Double? {
    switch self {
    case .memorySwap: spec.limits.memory != nil ? 0 : nil
    case .cpuWeight, .ioWeight: 100  // as every other group of the kernel's
    default: nil
    }
  }

  func value(in spec: JobSpec) -> Double? {
    let limits = spec.limits
    return switch self {
    case .cpu: limits.cpu
    case .cpuWeight: limits.cpuWeight.map(Double.init)
    case .memory: limits.memory.map(Double.init)
    case .memorySwap: limits.memorySwap.map(Double.init)
    case .ioRead: limits.ioRead.map(Double.init)
    case .ioWrite: limits.ioWrite.map(Double.init)
    case .ioReadOps: limits.ioReadOps.map(Double.init)
    case .ioWriteOps: limits.ioWriteOps.map(Double.init)
    case .ioWeight: limits.ioWeight.map(Double.init)
    case .pids: limits.pids.map(Double.init)
    case .time: spec.timeout.map { $0 / .seconds(1) }
    case .cpuTime: spec.cpuTime.map { $0 / .seconds(1) }
    case .output: spec.outputQuota.map(Double.init)
    }
  }

  /// Gives a job that asked for nothing as much as it may have; of output the server's default, which is
  /// mostly far less, or that.
  func give(_ most: Double, to spec: inout JobSpec) {
    if self == .output { spec.outputQuotaBound = Int64(most) } else { self.set(most, in: &spec) }
  }

  func set(_ value: Double, in spec: inout JobSpec) {
    switch self {
    case .time: spec.timeout = Self.duration(value)
    case .cpuTime: spec.cpuTime = Self.duration(value)
    case .output: spec.outputQuota = Int64(value)
    default: self.set(value, in: &spec.limits)
    }
  }

  /// Whole nanoseconds, as records hold them: a job read from its record is the one that was asked for.
  private static func duration(_ seconds: Double) -> Duration {
    Int64(exactly: (seconds * 1e9).rounded()).map { .nanoseconds($0) }
      ?? .seconds(Int64(exactly: seconds.rounded()) ?? .max)
  }

  func set(_ value: Double, in limits: inout Limits) {
    let whole = Int64(value)
    switch self {
    case .cpu: limits.cpu = value
    case .cpuWeight: limits.cpuWeight = whole
    case .memory: limits.memory = whole
    case .memorySwap: limits.memorySwap = whole
    case .ioRead: limits.ioRead = whole
    case .ioWrite: limits.ioWrite = whole
    case .ioReadOps: limits.ioReadOps = whole
    case .ioWriteOps: limits.ioWriteOps = whole
    case .ioWeight: limits.ioWeight = whole
    case .pids: limits.pids = whole
    case .time, .cpuTime, .output: break  // none of the kernel's limits
    }
  }

  /// Whether the sum over a user's jobs can be bounded.
  var hasTotal: Bool { ![.time, .cpuTime, .cpuWeight, .ioWeight].contains(self) }

  func text(_ value: Double) -> String {
    switch self.unit {
    case .number, .whole: value.plain
    case .bytes: "\(value.plain) bytes"
    case .seconds: "\(value.plain) s"
    }
  }
}

extension Cap {
  /// Why no job could be started that has so much; nil when one can.
  func impossibility(of value: Double) -> String? {
    if self == .output, value < Double(JobSpec.leastOutput) {
      return "output must be at least \(JobSpec.leastOutput) bytes (256K)"
    }
    var spec = JobSpec(command: ["true"])
    if self == .memorySwap { Cap.memory.set(Cap.memory.ample, in: &spec) }
    self.set(value, in: &spec)
    do throws(WorkerError) { try spec.validate() } catch { return "\(error)" }
    return nil
  }

  /// Why no job could be started that has so much or less.
  func impossibility(below most: Double) -> String? {
    self.impossibility(of: min(most, self.ample))
  }

  /// So much that any job could have it.
  private var ample: Double {
    switch self.unit {
    case .number: 1
    case .whole: 1000
    case .bytes: 0x1p30
    case .seconds: 60
    }
  }
}
