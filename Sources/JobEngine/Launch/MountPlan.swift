import JobStore
import Linux

/// What a job sees on top of its root with /proc, /sys and /dev, which PID 1 makes by itself.
struct MountPlan {
  /// The job's own folder in the state directory, absolute.
  var jobFolder: String
  /// Folders that no job may see: the state directory, certificates.
  var hidden: [String]
  /// The host's mounts.
  var mounts: [MountInfo]
  /// Names of the host's sockets.
  var sockets: [String] = []

  /// A file system in memory is bounded by this or by the job's own memory limit.
  static let sharedMemory: Int64 = 1 << 30

  /// What tells about or acts on the whole host, and is no file system of its own.
  private static let maskedSys = ["/sys/firmware", "/sys/devices/virtual/powercap"]

  /// Where sockets of the host's services are, which a read-only mount does not close, see unix(7).
  private static let run = "/run"

  /// In no job's tree is what the host has there.
  private static let replaced = ["/dev", "/proc", "/sys", "/tmp", "/var/tmp"]

  /// What users keep for themselves, more or less well.
  private static let homes = ["/home", "/root"]

  func steps(for spec: JobSpec, as user: ResolvedUser) -> [LaunchPlan.MountStep] {
    let memory = min(spec.limits.memory ?? Self.sharedMemory, Self.sharedMemory)
    var steps = self.common(for: spec, as: user)
    steps.append(.tmpfs(target: "/dev/shm", options: "mode=1777,size=\(memory)"))
    if spec.network == .nat { steps.append(self.nameServers(spec)) }
    for mount in spec.tmpfs {
      let size = mount.size ?? memory
      steps.append(.tmpfs(target: mount.destination, options: "mode=1777,size=\(size)"))
    }
    for bind in spec.binds {
      steps.append(
        .bind(source: bind.source, target: bind.destination, readOnly: !bind.isWritable))
    }
    return steps
  }

  /// What does not depend on limits and wishes, and so may be done before they are known.
  func common(for spec: JobSpec, as user: ResolvedUser) -> [LaunchPlan.MountStep] {
    var steps = self.own(JobFolders.temporary, at: Self.place("/tmp", spec))
    steps += self.own(JobFolders.varTemporary, at: Self.place("/var/tmp", spec))
    steps += Self.maskedSys.map { .hide(target: $0) }
    if spec.rootfs == nil { steps += self.hideHost(spec, user) }
    return steps + self.accounts(user)
  }

  /// Where a folder of the host's tree is: PID 1 follows no link to where it mounts something.
  private static func place(_ path: String, _ spec: JobSpec) -> String {
    spec.rootfs == nil ? (try? File.realPath(path)) ?? path : path
  }

  private func own(_ name: String, at target: String) -> [LaunchPlan.MountStep] {
    let source = "\(self.jobFolder)/\(JobDirectory.files)/\(name)"
    return [.bind(source: source, target: target, readOnly: false)]
  }

  private func accounts(_ user: ResolvedUser) -> [LaunchPlan.MountStep] {
    guard user.hasAccountFiles else { return [] }
    return AccountFiles.names.map { name in
      .cover(source: "\(self.jobFolder)/\(JobDirectory.files)/\(name)", target: "/etc/\(name)")
    }
  }

  private func hideHost(_ spec: JobSpec, _ user: ResolvedUser) -> [LaunchPlan.MountStep] {
    var hidden = self.hidden
    if user.isOwn { hidden += Self.homes }
    // The job's own limits are files in there. What is mounted below /sys is not there at all.
    for mount in self.mounts where mount.type == "cgroup" || mount.type == "cgroup2" {
      if !Self.contains(hidden + ["/sys", Self.run], mount.mountPoint) {
        hidden.append(mount.mountPoint)
      }
    }
    return (hidden + self.namedSockets(outside: hidden)).map { .hide(target: $0) } + self.run(spec)
  }

  /// Those that services keep elsewhere, as /var/lib/mysql/mysql.sock: the one at the other end sees a uid,
  /// and not that it is a job's.
  private func namedSockets(outside hidden: [String]) -> [String] {
    let closed = hidden + Self.replaced + [Self.run]
    return self.sockets.compactMap { name in
      guard !Self.contains(closed, name), let path = try? File.realPath(name),
        !Self.contains(closed, path), File.isSocket(path)
      else { return nil }
      return path
    }
  }

  /// The host's network is of little use without the host's name servers, which services keep in /run.
  private func run(_ spec: JobSpec) -> [LaunchPlan.MountStep] {
    guard spec.network != .none, let servers = try? File.realPath("/etc/resolv.conf"),
      servers.hasPrefix(Self.run + "/")
    else { return [.hide(target: Self.run)] }
    let socketless = LaunchPlan.MountStep.tmpfs(
      target: Self.place(Self.run, spec), options: "mode=755,size=64k")
    if spec.network == .nat { return [socketless] }
    return [
      socketless,
      .bind(source: servers, target: servers, readOnly: true),
    ]
  }

  /// The job's own name server, where its tree has a place for it: in the host's tree that may be the
  /// far end of a link.
  private func nameServers(_ spec: JobSpec) -> LaunchPlan.MountStep {
    let source = "\(self.jobFolder)/\(JobDirectory.files)/\(NameServerFile.name)"
    guard spec.rootfs == nil, let place = try? File.realPath("/etc/resolv.conf"),
      place.hasPrefix(Self.run + "/")
    else { return .cover(source: source, target: "/etc/resolv.conf") }
    return .bind(source: source, target: place, readOnly: true)
  }

  /// True when `path` is one of `folders` or lies below one.
  static func contains(_ folders: [String], _ path: String) -> Bool {
    folders.contains { path == $0 || path.hasPrefix($0 + "/") }
  }
}
