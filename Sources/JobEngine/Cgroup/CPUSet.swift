/// Which processors, see cpuset(7).
enum CPUSet: Controller {
  static let limits: [LimitName] = [.cpuset]
  static let isAlways = false

  static func name(_ version: CgroupVersion) -> String? { "cpuset" }

  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    guard let list = limits.cpuset.flatMap({ CPUList($0) }) else { return [] }
    let cpus = CgroupSetting("cpuset.cpus", list, for: .cpuset)
    guard version == .v1 else { return [cpus] }
    // A v1 group begins without memory nodes, and no process can join it so.
    var nodes = CgroupSetting("cpuset.mems", "")
    nodes.inherited = true
    return [nodes, cpus]
  }
}
