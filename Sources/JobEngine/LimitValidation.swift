/// What limits must be on any host; whether this one can enforce them is for `LimitSurvey` to say.
extension Limits {
  static let minMemory: Int64 = 4 << 20
  /// An exbibyte: more than any host has, and it stays within the kernel's numbers.
  static let maxMemory: Int64 = 1 << 60
  static let minPIDs: Int64 = 3
  /// PID_MAX_LIMIT of the kernel.
  static let maxPIDs: Int64 = 4_194_304
  static let minCPU = 0.01
  /// More than any host has; keeps the quota within the kernel's number.
  static let maxCPU = 1_000_000.0
  static let weights: ClosedRange<Int64> = 1...10_000
  /// The kernel keeps operations a second in 32 bits, of which the last means none.
  static let maxOperations: Int64 = 4_294_967_294
  /// The three standard streams, and one to open a library with.
  static let minOpenFiles: UInt64 = 4
  /// What the kernel sets aside for arguments alone, see execve(2).
  static let minStack: UInt64 = 128 << 10

  /// Throws `invalidArgument` with the first value that is wrong and what to do.
  func validate() throws(WorkerError) {
    try self.validateCPU()
    try self.validateMemory()
    try self.validateIO()
    // PID 1, the program, and one more so that a shell can start anything.
    if let pids = self.pids {
      try Self.check("pids", pids, in: Self.minPIDs...Self.maxPIDs)
    }
    for (resource, limit) in self.resources.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      try limit.validate(resource)
    }
  }

  private func validateCPU() throws(WorkerError) {
    if let cpu = self.cpu, !(cpu >= Self.minCPU && cpu <= Self.maxCPU) {
      let bound = cpu > Self.maxCPU ? "most \(Self.maxCPU.plain)" : "least \(Self.minCPU)"
      throw .invalid("cpu must be at \(bound) cores, got \(cpu)")
    }
    if let weight = self.cpuWeight { try Self.check("cpu-weight", weight, in: Self.weights) }
    if let cpuset = self.cpuset, CPUList(cpuset) == nil {
      throw .invalid("cpuset must be a list of processors, as 0-3,6, got '\(cpuset.prefix(100))'")
    }
  }

  private func validateMemory() throws(WorkerError) {
    for (name, bytes) in [("memory", self.memory), ("memory-high", self.memoryHigh)] {
      guard let bytes else { continue }
      guard bytes >= Self.minMemory else {
        throw .invalid("\(name) must be at least \(Self.minMemory) bytes (4 MiB), got \(bytes)")
      }
      guard bytes <= Self.maxMemory else {
        throw .invalid("\(name) is too large: at most \(Self.maxMemory) bytes, got \(bytes)")
      }
    }
    if let high = self.memoryHigh, let memory = self.memory, high > memory {
      throw .invalid("memory-high must not be above memory, got \(high) and \(memory)")
    }
    guard let swap = self.memorySwap else { return }
    guard swap >= 0 else { throw .invalid("memory-swap must not be negative, got \(swap)") }
    guard swap <= Self.maxMemory else {
      throw .invalid("memory-swap is too large: at most \(Self.maxMemory) bytes, got \(swap)")
    }
    guard self.memory != nil else {
      throw .invalid("memory-swap needs a memory limit: set memory too")
    }
  }

  private func validateIO() throws(WorkerError) {
    for (name, rate) in [("io-read", self.ioRead), ("io-write", self.ioWrite)] {
      if let rate { try Self.check(name, rate, in: 1...Self.maxMemory) }
    }
    for (name, rate) in [("io-read-ops", self.ioReadOps), ("io-write-ops", self.ioWriteOps)] {
      if let rate { try Self.check(name, rate, in: 1...Self.maxOperations) }
    }
    if let weight = self.ioWeight { try Self.check("io-weight", weight, in: Self.weights) }
  }

  private static func check(
    _ name: String, _ value: Int64, in range: ClosedRange<Int64>
  ) throws(WorkerError) {
    guard value >= range.lowerBound else {
      throw .invalid("\(name) must be at least \(range.lowerBound), got \(value)")
    }
    guard value <= range.upperBound else {
      throw .invalid("\(name) must be at most \(range.upperBound), got \(value)")
    }
  }
}

extension ResourceLimit {
  func validate(_ resource: Resource) throws(WorkerError) {
    let soft = self.soft ?? .max
    guard soft <= self.hard ?? .max else {
      throw .invalid(
        "\(resource): the soft limit must not be above the hard one, got \(self.text)")
    }
    let minimum: UInt64 =
      switch resource {
      case .nofile: Limits.minOpenFiles
      case .stack: Limits.minStack
      case .core, .fsize: 0
      }
    guard soft >= minimum else {
      throw .invalid("\(resource) must be at least \(minimum), got \(soft): nothing could start")
    }
  }

  /// `SOFT:HARD`.
  var text: String {
    [self.soft, self.hard].map { $0.map(String.init) ?? "unlimited" }.joined(separator: ":")
  }
}
