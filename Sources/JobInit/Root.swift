import JobStore
import Linux

/// Where the job's tree begins.
enum Root {
  /// The host's own tree, read-only; or another tree, and nothing of the host's.
  static func make(
    _ plan: LaunchPlan, userNamespace: CInt
  ) throws(SystemError) -> FileTree {
    let host = try File.open("/", OpenFlags.path)
    guard let path = plan.rootfs else {
      // A folder that everybody may write on the host is for the job to read.
      try MountNamespace.seal(host, Mounts.safe.union(.readOnly))
      return FileTree(root: host, followsLinks: true)
    }
    try MountNamespace.seal(host, [])
    let place = try HostPath.open(path)
    try self.makeFolders(in: try HostPath.open(path))
    let mount = try DetachedMount(copying: place)
    try mount.set(
      plan.rootIsReadOnly ? Mounts.safe.union(.readOnly) : Mounts.safe,
      userNamespace: userNamespace)
    try mount.attach(on: place)
    let root = mount.takeDescriptor()
    try MountNamespace.pivot(into: root)
    // Whoever can write the tree may be at it now: what goes through a link is refused.
    return FileTree(root: root, followsLinks: false)
  }
}

extension Root {
  /// What every job's tree needs, before the tree may be read-only, or its owners mapped: then nobody
  /// outside of the user namespace can make anything in it (EOVERFLOW).
  private static func makeFolders(in root: consuming OwnedDescriptor) throws(SystemError) {
    let tree = FileTree(root: root, followsLinks: false)
    for path in ["/proc", "/sys", "/dev", "/tmp", "/var/tmp"] {
      _ = try tree.placeOrNew(path, isFile: false)
    }
  }
}

/// Copies of what the plan shows in other places, made before anything hides it.
struct Sources {
  final class Source {
    let mount: DetachedMount
    let isFile: Bool

    init(_ path: String, readOnly: Bool) throws(SystemError) {
      let place = try HostPath.open(path)
      self.isFile = try !HostPath.isFolder(place)
      self.mount = try DetachedMount(copying: place)
      try self.mount.set(readOnly ? Mounts.safe.union(.readOnly) : Mounts.safe)
    }
  }

  /// One for each step that has a source, in order.
  private(set) var mounts: [Source] = []

  /// None.
  init() {}

  init(_ plan: LaunchPlan) throws(SystemError) {
    for step in plan.mounts {
      switch step {
      case .bind(let path, _, let readOnly):
        self.mounts.append(try Source(path, readOnly: readOnly))
      case .cover(let path, _): self.mounts.append(try Source(path, readOnly: true))
      case .tmpfs, .hide: break
      }
    }
  }
}
