import JobStore

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

  /// `jobFolder` is the job's own in the state directory, as an absolute path.
  static func steps(
    jobFolder: String, stateDirectory: String, hidden: [String], memory: Int64?
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
    // The job's own limits are files in there, which root could write.
    steps.append(.hide(target: "/sys/fs/cgroup"))
    steps += self.masked.map { .hide(target: $0) }
    steps += self.readOnly.map { .readOnly(target: $0) }
    return steps
  }
}
