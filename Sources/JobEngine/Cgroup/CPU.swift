import Linux

/// Cores: a quota of processor time in each period, see sched-bwc in the kernel's documentation.
enum CPU: Controller {
  /// Microseconds; the kernel's default. The quota of 0.01 cores is then 1 ms, its minimum.
  private static let period = 100_000

  static func name(_ version: CgroupVersion) -> String? { "cpu" }

  static let limits: [LimitName] = [.cpu, .cpuWeight]

  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    self.quota(limits, version) + self.weight(limits, version)
  }

  private static func quota(_ limits: Limits, _ version: CgroupVersion) -> [CgroupSetting] {
    guard let cores = limits.cpu else { return [] }
    let quota = Int64((cores * Double(self.period)).rounded())
    switch version {
    case .v2: return [CgroupSetting("cpu.max", "\(quota) \(self.period)", for: .cpu)]
    case .v1:
      return [
        CgroupSetting("cpu.cfs_period_us", self.period),
        CgroupSetting("cpu.cfs_quota_us", quota, for: .cpu),
      ]
    }
  }

  private static func weight(_ limits: Limits, _ version: CgroupVersion) -> [CgroupSetting] {
    guard let weight = limits.cpuWeight else { return [] }
    switch version {
    case .v2: return [CgroupSetting("cpu.weight", weight, for: .cpuWeight)]
    // A group of default weight has 100 there and 1024 here; the kernel converts in the same way.
    case .v1: return [CgroupSetting("cpu.shares", (weight * 1024 + 50) / 100, for: .cpuWeight)]
    }
  }

  static func evidence(_ version: CgroupVersion) -> [String] {
    // On v2 cpu.stat is there without the controller, see `CgroupPlan`.
    version == .v1 ? ["cpu.stat"] : []
  }
}

/// Processor time on hosts without cgroup2.
enum CPUAccounting: Controller {
  static func name(_ version: CgroupVersion) -> String? { version == .v1 ? "cpuacct" : nil }
  static func evidence(_ version: CgroupVersion) -> [String] { ["cpuacct.usage", "cpuacct.stat"] }
}

/// Stops every process at once on hosts without cgroup2, so that none escapes a kill.
enum Freezer: Controller {
  static func name(_ version: CgroupVersion) -> String? { version == .v1 ? "freezer" : nil }
}
