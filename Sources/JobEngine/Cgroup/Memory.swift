import Linux

/// Memory and swap.
enum Memory: Controller {
  static func name(_ version: CgroupVersion) -> String? { "memory" }

  static let limits: [LimitName] = [.memory, .memorySwap, .memoryHigh, .memoryOOMGroup]

  /// v1's memory.soft_limit_in_bytes is no memory.high: it holds nobody back, and only says whom to
  /// take from when the host itself runs short.
  static func refusal(
    of limit: LimitName, in limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> String? {
    guard version == .v1 else { return nil }
    switch limit {
    case .memoryHigh: return "cgroup v1 has nothing like memory.high; use memory"
    case .memoryOOMGroup: return "cgroup v1 has nothing like memory.oom.group"
    default: return nil
    }
  }

  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    var settings = self.sizes(limits, version)
    guard version == .v2 else { return settings }
    if let high = limits.memoryHigh {
      settings.append(CgroupSetting("memory.high", high, for: .memoryHigh, shown: .pages))
    }
    if limits.memoryOOMGroup {
      settings.append(CgroupSetting("memory.oom.group", 1, for: .memoryOOMGroup))
    }
    return settings
  }

  private static func sizes(_ limits: Limits, _ version: CgroupVersion) -> [CgroupSetting] {
    guard let memory = limits.memory else { return [] }
    let swap = limits.memorySwap ?? 0
    var settings: [CgroupSetting]
    switch version {
    case .v2:
      settings = [
        CgroupSetting("memory.max", memory, for: .memory, shown: .pages),
        CgroupSetting("memory.swap.max", swap, for: .memorySwap, shown: .pages),
      ]
    case .v1:
      // In this order: memory and swap together may never be less than memory alone. The sum fits,
      // as the limits were validated.
      settings = [
        CgroupSetting("memory.limit_in_bytes", memory, for: .memory, shown: .pages),
        CgroupSetting(
          "memory.memsw.limit_in_bytes", memory + swap, for: .memorySwap, shown: .pages),
      ]
    }
    settings[1].implied = limits.memorySwap == nil
    return settings
  }

  static func evidence(_ version: CgroupVersion) -> [String] {
    switch version {
    case .v2: ["memory.events", "memory.peak"]
    case .v1:
      [
        "memory.oom_control", "memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes",
        "memory.failcnt", "memory.memsw.failcnt",
      ]
    }
  }

  static func current(_ version: CgroupVersion) -> [String] {
    version == .v2 ? ["memory.current"] : ["memory.usage_in_bytes"]
  }
}
