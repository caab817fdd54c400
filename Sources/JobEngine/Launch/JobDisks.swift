import Linux

/// The disks behind all that a job can reach.
struct JobDisks {
  private static let network: Set<String> = [
    "9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "ocfs2", "smb3", "virtiofs",
  ]

  private let resolver: DiskResolver
  private var disks: [JobDisk] = []
  /// Devices of mounts that were looked at: a host shows one file system in many places.
  private var seen: Set<BlockDevice> = []
  private var unlimited: [String] = []

  /// `paths` the job writes to, so they must be on disks; `more` it may read, and they are taken along.
  static func find(
    paths: [String], more: [String], hidden: [String], mounts: [MountInfo], resolver: DiskResolver
  ) -> HostFacts.Disks {
    var search = JobDisks(resolver)
    for path in paths {
      // A mount point is no link: the root is mostly on the disk that the state is on.
      if let mount = MountInfo.showing(path, in: mounts), mount.mountPoint == path,
        search.knows(BlockDevice(mount.device))
      {
        continue
      }
      do throws(BlockDeviceError) { try search.add(path) } catch { return .failure(error.reason) }
    }
    for path in more {
      guard let mount = MountInfo.showing(path, in: mounts),
        !hidden.contains(where: { mount.isBelow($0) })
      else { continue }
      search.addIfThere(path, mount)
    }
    return .found(search.disks, unlimited: search.unlimited)
  }

  private init(_ resolver: DiskResolver) {
    self.resolver = resolver
  }

  private func knows(_ device: BlockDevice?) -> Bool {
    self.disks.contains { $0.device == device }
  }

  private mutating func add(_ path: String) throws(BlockDeviceError) {
    for disk in try self.resolver.disks(under: path)
    where !self.disks.contains(where: { $0.device == disk.device }) {
      self.disks.append(
        JobDisk(disk.device, chain: disk.chain, sharing: JobDisk.sharing(of: disk.device)))
    }
  }

  private mutating func addIfThere(_ path: String, _ mount: MountInfo) {
    let device = BlockDevice(mount.device).flatMap { $0.major == 0 ? nil : $0 }
    let isNetwork = Self.network.contains(mount.type) || mount.type.hasPrefix("fuse.")
    if isNetwork {
      self.unlimited.append("\(path) (\(mount.type))")
    } else if let device {
      let isNew = self.seen.insert(device).inserted
      // A device that cannot be found is not to be read from either.
      if isNew, !self.knows(device) { try? self.add(path) }
    } else if mount.type == "btrfs" {
      try? self.add(path)
    }
  }
}

extension MountInfo {
  func isBelow(_ folder: String) -> Bool {
    self.mountPoint == folder || self.mountPoint.hasPrefix(folder + "/")
  }
}
