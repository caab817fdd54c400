import Glibc
import JobStore
import Linux

/// What is left to do when every process of a job is dead.
enum Aftermath {
  /// The kernel's counters, raw; what is not there is left out.
  static func evidence(_ plan: LaunchPlan) -> [ExitRecord.Evidence] {
    plan.evidence.compactMap { wanted in
      guard let content = try? File.readText(wanted.content, limit: 64 << 10) else { return nil }
      return ExitRecord.Evidence(name: wanted.name, content: content)
    }
  }

  /// The job's temporary files: out of the way at once, so that the end of a job that made millions of
  /// them need not wait. The engine removes them, this one or the next that runs.
  static func putAsideFiles(of id: String, in folder: borrowing OwnedDescriptor) {
    do throws(SystemError) {
      let trash = "../" + JobDirectory.trashedFiles(of: id)
      try File.rename(JobDirectory.files, to: trash, in: folder, exclusive: true)
    } catch {
      self.removeFiles(in: folder)
    }
  }

  /// The same, here and now; what fails is left to the engine, which looks again when the job is
  /// removed.
  static func removeFiles(in folder: borrowing OwnedDescriptor) {
    try? Folder.removeTree(JobDirectory.files, in: folder)
  }

  /// Longer than anything takes that can still die.
  private static let patience: Int64 = 2000

  /// The same belt for v1, where groups neither kill nor tell.
  private static func removeLegacy(_ folders: [String]) {
    let left = folders.filter { !CgroupFolder.remove($0) }
    guard !left.isEmpty else { return }
    // Also what is in the freezer alone: as it may be frozen, it would not die elsewhere.
    CgroupFolder.killMembers(of: folders)
    CgroupFolder.waitForMembers(of: left, milliseconds: self.patience)
    for folder in left { CgroupFolder.remove(folder) }
  }

  static func removeCgroups(_ plan: LaunchPlan) {
    if let path = plan.cgroup2 {
      // The second belt, see cgroups(7): PID 1's end has killed everything in its namespace, but
      // a process could have been moved into the group from outside.
      try? File.writeText("1", to: "\(path)/cgroup.kill")
      if !CgroupFolder.remove(path) {
        // What was moved in is still dying; an event says when it is gone. What cannot die is left
        // to the engine, which looks again when the job is removed.
        CgroupFolder.waitUntilEmpty(path, milliseconds: self.patience)
        CgroupFolder.remove(path)
      }
    }
    self.removeLegacy(plan.cgroupsV1)
  }

  /// Where the engine is gone: there may never be another one to do it. To be asked, and done, after the
  /// job's own are gone: an engine that closes meanwhile does the same, and then finds none.
  static func removeJobsGroup(_ plan: LaunchPlan) {
    // The last one out; EBUSY where jobs are left.
    for folder in plan.jobsGroup { try? File.removeFolder(path: folder) }
  }
}
