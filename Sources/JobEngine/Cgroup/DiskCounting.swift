import Linux

/// Has v1 count what jobs read and write. Kernels since 6.10 begin with that on a disk when it is given
/// its first limit, and show no number before, which would be taken for none. A limit of none will do.
enum DiskCounting {
  /// Of this process, as the kernel goes on for good.
  private static let started = Lock<Set<BlockDevice>>([])

  /// `folders`: the v1 folders of a job, which has no limits yet. What fails is only a count.
  static func start(in folders: [String], for path: String, _ mounts: [MountInfo]) {
    let file = "blkio.throttle.read_bps_device"
    guard let folder = folders.first(where: { File.exists(path: "\($0)/\(file)") }),
      let disks = try? DiskResolver(mounts: mounts).disks(under: path)
    else { return }
    for disk in disks.map(\.device) where self.started.withLock({ $0.insert(disk).inserted }) {
      try? File.writeText("\(disk) 0", to: "\(folder)/\(file)")
    }
  }
}
