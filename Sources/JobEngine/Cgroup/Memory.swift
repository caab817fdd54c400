import Linux

/// Memory and swap.
enum Memory: Controller {
  static func name(_ version: CgroupVersion) -> String? { "memory" }

  static func settings(
    for limits: Limits, disks: [BlockDevice], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    guard let memory = limits.memory else { return [] }
    let swap = limits.memorySwap ?? 0
    var settings: [CgroupSetting]
    switch version {
    case .v2:
      settings = [
        CgroupSetting("memory.max", memory, for: "memory"),
        CgroupSetting("memory.swap.max", swap, for: "memorySwap"),
      ]
    case .v1:
      // In this order: memory and swap together may never be less than memory alone. The sum fits,
      // as the limits were validated.
      settings = [
        CgroupSetting("memory.limit_in_bytes", memory, for: "memory"),
        CgroupSetting("memory.memsw.limit_in_bytes", memory + swap, for: "memorySwap"),
      ]
    }
    settings[1].implied = limits.memorySwap == nil
    return settings
  }

  static func evidence(_ version: CgroupVersion) -> [String] {
    switch version {
    case .v2: ["memory.events", "memory.peak"]
    case .v1: ["memory.oom_control", "memory.max_usage_in_bytes", "memory.failcnt"]
    }
  }

  static func current(_ version: CgroupVersion) -> [String] {
    version == .v2 ? ["memory.current"] : ["memory.usage_in_bytes"]
  }
}
