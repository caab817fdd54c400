import Linux

/// Bytes and operations a second, on each disk the job can write to.
enum IO: Controller {
  private struct Rate {
    let limit: String
    let keyV2: String
    let fileV1: String
    let value: Int64
  }

  static func name(_ version: CgroupVersion) -> String? { version == .v2 ? "io" : "blkio" }

  static func settings(
    for limits: Limits, disks: [BlockDevice], _ version: CgroupVersion
  ) -> [CgroupSetting] {
    let rates = self.rates(limits)
    guard !rates.isEmpty else { return [] }
    return disks.flatMap { disk in
      switch version {
      case .v2: [self.settingV2(rates, disk)]
      case .v1: rates.map { self.settingV1($0, disk) }
      }
    }
  }

  static func evidence(_ version: CgroupVersion) -> [String] {
    version == .v2 ? ["io.stat"] : ["blkio.throttle.io_service_bytes"]
  }

  private static func rates(_ limits: Limits) -> [Rate] {
    [
      ("ioRead", "rbps", "read_bps_device", limits.ioRead),
      ("ioWrite", "wbps", "write_bps_device", limits.ioWrite),
      ("ioReadOps", "riops", "read_iops_device", limits.ioReadOps),
      ("ioWriteOps", "wiops", "write_iops_device", limits.ioWriteOps),
    ].compactMap { limit, key, file, value in
      value.map { Rate(limit: limit, keyV2: key, fileV1: "blkio.throttle.\(file)", value: $0) }
    }
  }

  private static func settingV2(_ rates: [Rate], _ disk: BlockDevice) -> CgroupSetting {
    let keys = rates.map { "\($0.keyV2)=\($0.value)" }.joined(separator: " ")
    var setting = CgroupSetting("io.max", "\(disk) \(keys)", disk: disk)
    setting.limits = rates.map(\.limit)
    return setting
  }

  private static func settingV1(_ rate: Rate, _ disk: BlockDevice) -> CgroupSetting {
    CgroupSetting(rate.fileV1, "\(disk) \(rate.value)", for: rate.limit, disk: disk)
  }
}

extension Limits {
  /// True when a disk has to be found for them.
  var limitsIO: Bool {
    self.ioRead != nil || self.ioWrite != nil || self.ioReadOps != nil || self.ioWriteOps != nil
  }
}
