import Linux

/// Bytes and operations a second, on each disk the job can write to.
enum IO: Controller {
  private struct Rate {
    let limit: LimitName
    let keyV2: String
    let fileV1: String
    let value: Int64
  }

  static func name(_ version: CgroupVersion) -> String? { version == .v2 ? "io" : "blkio" }

  static let limits: [LimitName] = LimitName.rates + [.ioWeight]

  static func refusal(
    of limit: LimitName, in limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> String? {
    guard limit == .ioWeight, let weight = limits.ioWeight else { return nil }
    return disks.lazy.compactMap { $0.refusal(ofWeight: weight, version) }.first
  }

  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    let rates = self.rates(limits)
    let settings = disks.flatMap { disk in
      switch version {
      case _ where rates.isEmpty: [] as [CgroupSetting]
      case .v2: [self.settingV2(rates, disk.device)]
      case .v1: rates.map { self.settingV1($0, disk.device) }
      }
    }
    return settings + self.weights(limits, disks, version)
  }

  /// One for each way in which the disks share; a weight is for all disks that share in that way.
  private static func weights(
    _ limits: Limits, _ disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    guard let weight = limits.ioWeight else { return [] }
    let ways = Set(disks.map(\.sharing))
    var files: [String] = []
    if ways.contains(.bfq) { files.append(version == .v2 ? "io.bfq.weight" : "blkio.bfq.weight") }
    if ways.contains(.cost), version == .v2 { files.append("io.weight") }
    return files.map { CgroupSetting($0, weight, for: .ioWeight, shown: .among) }
  }

  static func evidence(_ version: CgroupVersion) -> [String] {
    version == .v2
      ? ["io.stat"]
      : ["blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"]
  }

  private static func rates(_ limits: Limits) -> [Rate] {
    [
      (LimitName.ioRead, "rbps", "read_bps_device", limits.ioRead),
      (.ioWrite, "wbps", "write_bps_device", limits.ioWrite),
      (.ioReadOps, "riops", "read_iops_device", limits.ioReadOps),
      (.ioWriteOps, "wiops", "write_iops_device", limits.ioWriteOps),
    ].compactMap { limit, key, file, value in
      value.map { Rate(limit: limit, keyV2: key, fileV1: "blkio.throttle.\(file)", value: $0) }
    }
  }

  private static func settingV2(_ rates: [Rate], _ disk: BlockDevice) -> CgroupSetting {
    let keys = rates.map { "\($0.keyV2)=\($0.value)" }.joined(separator: " ")
    var setting = CgroupSetting("io.max", "\(disk) \(keys)", shown: .among, disk: disk)
    setting.limits = rates.map(\.limit)
    return setting
  }

  private static func settingV1(_ rate: Rate, _ disk: BlockDevice) -> CgroupSetting {
    CgroupSetting(rate.fileV1, "\(disk) \(rate.value)", for: rate.limit, disk: disk)
  }
}

extension Limits {
  /// True when a disk has to be found for them.
  var limitsIO: Bool { self.asked.contains(where: IO.limits.contains) }
}
