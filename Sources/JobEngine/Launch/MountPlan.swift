import JobStore
import Linux

/// What a job sees differently from the host.
enum MountPlan {
  /// Kernel files that tell about or act on the whole host; as container engines mask them.
  private static let masked = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/sysrq-trigger",
    "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing",
  ]

  /// Kernel settings: uid 0 owns them, and would write them even without capabilities.
  private static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]

  /// A file system in memory is bounded by this or by the job's own memory limit.
  private static let sharedMemory: Int64 = 1 << 30

  /// `jobFolder` is the job's own in the state directory, as an absolute path; `mounts` are the
  /// host's.
  static func steps(
    jobFolder: String, stateDirectory: String, hidden: [String], memory: Int64?,
    mounts: [MountInfo]
  ) -> [LaunchPlan.MountStep] {
    let files = "\(jobFolder)/\(JobDirectory.files)"
    let size = min(memory ?? self.sharedMemory, self.sharedMemory)
    // First: the sources lie in the state directory, which is hidden next. Where that directory is
    // itself below one of the targets, the bind on it comes second, as it hides the sources already.
    var steps: [LaunchPlan.MountStep] = [
      .bind(source: "\(files)/\(JobFolders.varTemporary)", target: "/var/tmp", readOnly: false),
      .bind(source: "\(files)/\(JobFolders.temporary)", target: "/tmp", readOnly: false),
    ]
    if stateDirectory.hasPrefix("/var/tmp") { steps.reverse() }
    steps.append(.tmpfs(target: "/dev/shm", options: "mode=1777,size=\(size)"))
    steps += ([stateDirectory] + hidden).map { .hide(target: $0) }
    steps += self.kernel(mounts)
    steps += self.readOnly.map { .readOnly(target: $0) }
    return steps
  }

  /// Uid 0 owns what is below /sys too. What is mounted in there keeps its own flags, and so needs a
  /// step of its own.
  private static func kernel(_ mounts: [MountInfo]) -> [LaunchPlan.MountStep] {
    // The job's own limits are files in there, which root could write.
    var hidden = ["/sys/fs/cgroup"]
    for mount in mounts where mount.type == "cgroup" || mount.type == "cgroup2" {
      if !self.contains(hidden, mount.mountPoint) { hidden.append(mount.mountPoint) }
    }
    hidden += self.masked
    var readOnly = ["/sys"]
    for point in mounts.map(\.mountPoint) where point.hasPrefix("/sys/") {
      if !self.contains(hidden, point), !readOnly.contains(point) { readOnly.append(point) }
    }
    return readOnly.map { .readOnly(target: $0) } + hidden.map { .hide(target: $0) }
  }

  /// True when `path` is one of `folders` or lies below one.
  private static func contains(_ folders: [String], _ path: String) -> Bool {
    folders.contains { path == $0 || path.hasPrefix($0 + "/") }
  }
}
