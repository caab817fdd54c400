import JobStore
import Linux

/// Use of resources from the kernel's files.
extension Usage {
  /// Takes files by the names of `CgroupPlan`; what is not there counts as nothing used.
  init(_ files: [ExitRecord.Evidence]) {
    self.init()
    let contents = Dictionary(files.map { ($0.name, $0.content) }, uniquingKeysWith: { $1 })
    self.takeCPU(contents)
    self.takeIO(contents)
    self.memoryPeakBytes =
      Self.number(contents["memory.peak"]) ?? Self.number(contents["v1/memory.max_usage_in_bytes"])
      ?? 0
    self.memoryBytes =
      Self.number(contents["memory.current"]) ?? Self.number(contents["v1/memory.usage_in_bytes"])
      ?? 0
    self.memoryPeakBytes = max(self.memoryPeakBytes, self.memoryBytes)
    self.takeCounts(contents)
    self.cpuStalledTime = Pressure.stalled(contents["cpu.pressure"])
    self.memoryStalledTime = Pressure.stalled(contents["memory.pressure"])
    self.ioStalledTime = Pressure.stalled(contents["io.pressure"])
    self.pids =
      Self.number(contents["pids.current"]) ?? Self.number(contents["v1/pids.current"]) ?? 0
  }

  private mutating func takeCounts(_ contents: [String: String]) {
    self.pidsPeak = Self.number(contents["pids.peak"]) ?? Self.number(contents["v1/pids.peak"]) ?? 0
    for file in ["memory.events", "v1/memory.oom_control"] {
      let count = contents[file].flatMap { KernelFile.value(of: "oom_kill", in: $0) }
      self.oomKills = max(self.oomKills, count ?? 0)
    }
    for file in ["pids.events", "v1/pids.events"] {
      let count = contents[file].flatMap { KernelFile.value(of: "max", in: $0) }
      self.pidsRefusals = max(self.pidsRefusals, count ?? 0)
    }
  }

  /// USER_HZ: what the kernel's v1 files count in, on every architecture we run on.
  private static let tick = Duration.milliseconds(10)

  private mutating func takeCPU(_ contents: [String: String]) {
    if let stat = contents["cpu.stat"] {
      self.cpuTime = .microseconds(KernelFile.value(of: "usage_usec", in: stat) ?? 0)
      self.cpuThrottledTime = .microseconds(KernelFile.value(of: "throttled_usec", in: stat) ?? 0)
      self.cpuUserTime = .microseconds(KernelFile.value(of: "user_usec", in: stat) ?? 0)
      self.cpuSystemTime = .microseconds(KernelFile.value(of: "system_usec", in: stat) ?? 0)
    } else if let nanoseconds = Self.number(contents["v1/cpuacct.usage"]) {
      self.cpuTime = .nanoseconds(nanoseconds)
      let stat = contents["v1/cpuacct.stat"] ?? ""
      self.cpuUserTime = Self.tick * Int(KernelFile.value(of: "user", in: stat) ?? 0)
      self.cpuSystemTime = Self.tick * Int(KernelFile.value(of: "system", in: stat) ?? 0)
    }
    if let stat = contents["v1/cpu.stat"] {
      self.cpuThrottledTime = .nanoseconds(KernelFile.value(of: "throttled_time", in: stat) ?? 0)
    }
  }

  private mutating func takeIO(_ contents: [String: String]) {
    var traffic = DiskTraffic()
    if let stat = contents["io.stat"] {
      traffic.take(stat: stat)
    } else {
      traffic.take(contents["v1/blkio.throttle.io_service_bytes"], \.readBytes, \.writeBytes)
      traffic.take(contents["v1/blkio.throttle.io_serviced"], \.readOps, \.writeOps)
    }
    let total = traffic.total()
    self.ioReadBytes = total.readBytes
    self.ioWriteBytes = total.writeBytes
    self.ioReadOps = total.readOps
    self.ioWriteOps = total.writeOps
  }

  private static func number(_ text: String?) -> Int64? {
    text.flatMap { Int64($0.prefix { !$0.isWhitespace }) }
  }
}

/// Reads the kernel's small files.
enum KernelFile {
  /// The number behind `key` in a file of `key number` lines.
  static func value(of key: String, in text: String) -> Int64? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == key { return Int64(words[1]) }
    }
    return nil
  }

  /// The content of each file that is there.
  static func contents(of files: [ExitRecord.Evidence]) -> [ExitRecord.Evidence] {
    files.compactMap { file in
      // Gone: the job has just ended, and its record will tell.
      (try? File.readText(file.content)).map { .init(name: file.name, content: $0) }
    }
  }
}
