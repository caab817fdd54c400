import Linux

/// Processes and threads.
enum PIDs: Controller {
  static let limits: [LimitName] = [.pids]

  static func name(_ version: CgroupVersion) -> String? { "pids" }

  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    guard let pids = limits.pids else { return [] }
    return [CgroupSetting("pids.max", pids, for: .pids)]
  }

  static func evidence(_ version: CgroupVersion) -> [String] { ["pids.events", "pids.peak"] }
  static func current(_ version: CgroupVersion) -> [String] { ["pids.current"] }
}
