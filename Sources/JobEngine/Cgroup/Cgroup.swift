import Glibc
import JobStore
import Linux

/// The cgroup of one job as it stands in the file system.
struct Cgroup: Hashable, Sendable {
  /// The cgroup2 folder, if there is one.
  var unified: String?
  /// The v1 folders.
  var legacy: [String]

  var folders: [String] { (self.unified.map { [$0] } ?? []) + self.legacy }

  init(unified: String?, legacy: [String]) {
    self.unified = unified
    self.legacy = legacy
  }

  /// Makes the folders, writes the limits and answers with what the kernel made of them; leaves
  /// nothing behind when it fails. With `bestEffort` a limit that the kernel refuses is no failure;
  /// with `isThere` the folders are there already, and else in `group`.
  static func make(
    _ plan: CgroupPlan, bestEffort: Bool = false, isThere: Bool = false, in group: JobsGroup? = nil
  ) throws(WorkerError) -> (Cgroup, applied: [String: AppliedLimit]) {
    let cgroup = Cgroup(unified: plan.unified, legacy: plan.legacy)
    do throws(WorkerError) {
      var applied = AppliedLimits(bestEffort: bestEffort)
      for folder in plan.folders {
        if !isThere { try self.makeFolder(folder.path, for: "the job", in: group) }
        for setting in folder.settings { try applied.apply(setting, in: folder.path) }
      }
      return (cgroup, applied.byName)
    } catch {
      cgroup.remove()
      throw error
    }
  }

  /// Makes the folders, without limits; leaves nothing behind when it fails.
  static func makeFolders(_ plan: CgroupPlan, in group: JobsGroup) throws(WorkerError) {
    do throws(WorkerError) {
      for folder in plan.folders { try self.makeFolder(folder.path, for: "the job", in: group) }
    } catch {
      Cgroup(unified: plan.unified, legacy: plan.legacy).remove()
      throw error
    }
  }

  /// The keeper is removing it, or has: it does that once every process of the job is dead.
  var isGone: Bool { self.folders.contains { !File.exists(path: $0) } }

  /// Removes every folder; answers false while a process is left in one.
  @discardableResult
  func remove() -> Bool {
    var removed = true
    for folder in self.folders where !CgroupFolder.remove(folder) { removed = false }
    return removed
  }

  /// Longer than any process takes that can still die.
  private static let patience: Int64 = 5000

  /// Ends a job whose keeper is gone: kills every process, waits until they are dead, and removes the
  /// folders. Answers false when something could not be killed, as what hangs in a dead disk. Blocks.
  @discardableResult
  func clear() -> Bool {
    if self.remove() { return true }
    if let unified = self.unified,
      (try? File.writeText("1", to: "\(unified)/cgroup.kill")) != nil
    {
      CgroupFolder.waitUntilEmpty(unified, milliseconds: Self.patience)
      if self.remove() { return true }
    }
    // v1, kernels before 5.14, and what is in a v1 group alone as it was moved there.
    CgroupFolder.killMembers(of: self.folders)
    CgroupFolder.waitForMembers(of: self.folders, milliseconds: Self.patience)
    return self.remove()
  }

  static func makeFolder(
    _ path: String, for whom: String, in group: JobsGroup?
  ) throws(WorkerError) {
    guard let group else { return try self.makeFolder(path, for: whom) }
    let parent = JobPlan.parent(path)
    try JobsGroup.againWhileGone { () throws(WorkerError) in
      // Where only some jobs have one it is made for the first of them.
      if !group.layout.common.contains(parent) { try group.prepare(parent) }
      do throws(WorkerError) { try self.makeFolder(path, for: whom) } catch {
        if error.errno == ENOENT { try group.prepare() }
        throw error
      }
    }
  }

  static func makeFolder(_ path: String, for whom: String) throws(WorkerError) {
    do throws(SystemError) {
      try File.makeFolder(path: path)
    } catch {
      throw WorkerError(
        .failedPrecondition,
        "cannot make the cgroup of \(whom): \(error): \(Self.advice(on: error))",
        errno: error.errno)
    }
  }

  private static func advice(on error: SystemError) -> String {
    switch error.errno {
    case EROFS:
      "the cgroup tree is mounted read-only here: give this worker a writable one (a container: "
        + "its own cgroup2, delegated)"
    case EACCES, EPERM: "this worker may not write there: it needs root"
    default: "is the cgroup tree writable for this worker?"
    }
  }
}

extension Cgroup {
  /// The cgroup that a job's launch plan names.
  init(_ plan: LaunchPlan) {
    self.init(unified: plan.cgroup2, legacy: plan.cgroupsV1)
  }
}
