import Linux

extension Launcher {
  /// `mounts` are read where they are not given.
  func host(for limits: Limits, of spec: JobSpec, _ mounts: [MountInfo]? = nil) -> HostFacts {
    HostFacts.read(
      for: limits, self.group.outer, disks: limits.limitsIO ? self.disks(spec, mounts) : .found([]))
  }

  /// The disks that IO limits are set on.
  private func disks(_ spec: JobSpec, _ given: [MountInfo]?) -> HostFacts.Disks {
    let mounts: [MountInfo]
    do throws(WorkerError) {
      if let given { mounts = given } else { mounts = try self.hostMounts() }
    } catch {
      return .failure(error.message)
    }
    // A root in memory, as in small guests, has no disk, and neither has a bind from there.
    let root = spec.rootfs ?? "/"
    let places = ([root] + spec.binds.filter(\.isWritable).map(\.source))
      .filter { !FileSystem.isInMemory($0) }
    // What is mounted in the tree that the job sees, and what else it may read.
    let seen = mounts.filter { spec.rootfs == nil || $0.isBelow(root) }
    let read = spec.binds.filter { !$0.isWritable }.map(\.source)
    let disks = JobDisks.find(
      paths: [self.state.jobsPath] + places, more: seen.map(\.mountPoint) + read,
      hidden: self.hidden + [self.state.path], mounts: mounts,
      resolver: DiskResolver(mounts: mounts))
    guard case .failure(let reason) = disks else { return disks }
    return .failure("\(reason): use a place on a disk, or start the job without this limit")
  }
}
