import Glibc
import Linux

/// The cgroup that all jobs of one worker are in: together they have no more than the totals, whatever each
/// of them asked for.
///
/// It is made with the first job, and removed by whoever finds no job left in it: a worker that closes, or,
/// where the worker that started it is gone, the keeper of the last job. Left to the next worker is what only
/// some jobs have a group in, and the empty group of a worker that is killed while no job runs or is kept
/// ready, or in the moment in which the last one ends. Named after the state directory, it is the same one for
/// the next worker there, and another worker's never.
final class JobsGroup: Sendable {
  /// Below which jobs get theirs.
  let layout: CgroupLayout
  /// The group above, which is this worker's to divide.
  let outer: CgroupLayout
  /// Until it is cut, keepers leave the group to this worker: made anew for each job, it would cost every
  /// start and every end a millisecond.
  let presence: Presence
  private let totals: HostTotals
  /// What the totals are is written.
  private let isSettled = Lock(false)

  init(in outer: CgroupLayout, of state: FileIdentity, totals: HostTotals) throws(SystemError) {
    self.presence = try Presence()
    self.outer = outer
    self.layout = outer.inside("worker-jobs-\(state.text)")
    self.totals = totals
  }

  /// Makes it where it is missing: where every job needs it, and in `folder`, one of the layout's. Blocks.
  func prepare(_ folder: String? = nil) throws(WorkerError) {
    try CgroupRoot.prepare(self.outer)
    try Self.againWhileGone { () throws(WorkerError) in
      try self.make(self.layout.common + (folder.map { [$0] } ?? []))
    }
  }

  /// Does it again when a folder was not there: the keeper of a job that ended at this moment, and was the
  /// last in the group, had taken it away. ENODEV: between the open and the write.
  static func againWhileGone(_ body: () throws(WorkerError) -> Void) throws(WorkerError) {
    for _ in 0..<8 {
      do throws(WorkerError) { return try body() } catch {
        guard error.errno == ENOENT || error.errno == ENODEV else { throw error }
      }
    }
    try body()
  }

  private func make(_ folders: [String]) throws(WorkerError) {
    var made: Set<String> = []
    for folder in folders where !File.exists(path: folder) {
      self.isSettled.withLock { $0 = false }
      try Self.make(folder)
      made.insert(folder)
    }
    if let (version, folder) = self.layout.place(of: CPUSet.self), version == .v1,
      folders.contains(folder)
    {
      try Self.fill(folder)
    }
    try CgroupRoot.prepare(self.layout, mayBeInside: false)
    guard !self.isSettled.withLock({ $0 }) else { return }
    let isSettled = try self.settle(made)
    self.isSettled.withLock { $0 = isSettled }
  }

  /// Removes it if no job is in it, and leaves that to keepers from here on. Blocks.
  func remove() {
    self.presence.cut()  // first: the keeper of a last job that ends now either sees it, or is gone
    for folder in self.layout.all { try? File.removeFolder(path: folder) }  // EBUSY: jobs run on
  }

  private static func make(_ folder: String) throws(WorkerError) {
    do throws(WorkerError) { try Cgroup.makeFolder(folder, for: "all jobs") } catch {
      guard File.exists(path: folder) else { throw error }  // another start was faster
    }
  }

  /// A v1 group begins without processors and memory nodes, and those below it cannot have any then. Not
  /// only where it was made just now: whoever made it may not have come to this yet.
  private static func fill(_ folder: String) throws(WorkerError) {
    do throws(SystemError) {
      for file in ["cpuset.cpus", "cpuset.mems"] {
        guard try self.line("\(folder)/\(file)").isEmpty else { continue }
        let above = try self.line("\(JobPlan.parent(folder))/\(file)")
        try File.writeText(above, to: "\(folder)/\(file)")
      }
    } catch {
      throw WorkerError(
        .failedPrecondition, "cannot make the cgroup of all jobs: \(error)", errno: error.errno)
    }
  }

  private static func line(_ path: String) throws(SystemError) -> String {
    String(try File.readText(path).prefix { $0 != "\n" })
  }
}

// The totals, as the kernel has them.
extension JobsGroup {
  /// What stands for no bound.
  private static let unbounded = [
    "cpu.max": "max", "cpu.cfs_quota_us": "-1", "memory.max": "max", "memory.limit_in_bytes": "-1",
    "pids.max": "max",
  ]

  /// Answers whether all are in force. Where jobs of an earlier worker are, and not in the folders that were
  /// `made` just now, some may have to wait: v1 holds a group to no less than one in it may have.
  private func settle(_ made: Set<String>) throws(WorkerError) -> Bool {
    var isSettled = true
    for controller in [CPU.self, Memory.self, PIDs.self] as [any Controller.Type] {
      guard let (version, folder) = self.layout.place(of: controller) else { continue }
      for setting in self.settings(of: controller, version) {
        do throws(SystemError) {
          isSettled = try self.write(setting, to: folder) && isSettled
        } catch {
          guard !made.contains(folder), error.errno != ENOENT, error.errno != ENODEV else {
            throw WorkerError(
              .failedPrecondition, "cannot bound all jobs together: the kernel refused \(error)",
              errno: error.errno)
          }
          isSettled = false
        }
      }
    }
    return isSettled
  }

  private func settings(
    of controller: any Controller.Type, _ version: CgroupVersion
  ) -> [CgroupSetting] {
    var limits = Limits()
    limits.cpu = self.totals.cpu ?? 1
    limits.cpuWeight = self.totals.cpuWeight ?? 100  // the kernel's own
    limits.memory = self.totals.memory ?? Limits.minMemory
    limits.pids = self.totals.pids ?? Limits.minPIDs
    return controller.settings(for: limits, disks: [], version).compactMap { setting in
      var setting = setting
      // A bound on swap is each job's own.
      if setting.limits == [.memorySwap] { return nil }
      let isBound =
        switch setting.limits.first {
        case .cpu: self.totals.cpu != nil
        case .memory: self.totals.memory != nil
        case .pids: self.totals.pids != nil
        default: true
        }
      if !isBound, let none = Self.unbounded[setting.file] { setting.value = none }
      return setting
    }
  }

  /// False where it would cost jobs their lives: cgroup2 kills for a limit that is exceeded already.
  private func write(
    _ setting: CgroupSetting, to folder: String
  ) throws(SystemError) -> Bool {
    if setting.limits == [.memory], let limit = Int64(setting.value), limit >= 0 {
      for file in ["memory.current", "memory.usage_in_bytes"] {
        let text = (try? File.readText("\(folder)/\(file)")) ?? ""
        if let used = Int64(text.prefix { $0 != "\n" }), used > limit { return false }
      }
    }
    try File.writeText(setting.value, to: "\(folder)/\(setting.file)")
    return true
  }
}
