import Linux

/// Has v1 count what jobs read and write. Kernels since 6.10 begin with that on a disk when it is given
/// its first limit, and show no number before, which would be taken for none. A limit of none will do.
enum DiskCounting {
  /// The paths whose disks count, of this process, as the kernel goes on for good.
  private static let started = Lock<Set<String>>([])

  /// `folders`: the v1 folders of a job whose program does not run yet. `limited`: disks that it has a limit
  /// on, which count already. What fails is only a count, and tried again by the next job.
  static func start(
    in folders: [String], for paths: [String], but limited: [BlockDevice] = [],
    _ mounts: [MountInfo]
  ) {
    let file = "blkio.throttle.read_bps_device"
    let new = paths.filter { path in !self.started.withLock { $0.contains(path) } }
    guard !new.isEmpty,
      let folder = folders.first(where: { File.exists(path: "\($0)/\(file)") })
    else { return }
    for path in new {
      guard let disks = try? DiskResolver(mounts: mounts).disks(under: path) else { continue }
      do throws(SystemError) {
        for disk in disks.map(\.device) where !limited.contains(disk) {
          try File.writeText("\(disk) 0", to: "\(folder)/\(file)")
        }
        self.started.withLock { _ = $0.insert(path) }
      } catch {
        // No such device any more, or a kernel that wants something else.
      }
    }
  }
}
