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
  /// nothing behind when it fails. With `bestEffort` a limit that the kernel refuses is no failure.
  static func make(
    _ plan: CgroupPlan, bestEffort: Bool = false
  ) throws(WorkerError) -> (Cgroup, applied: [String: AppliedLimit]) {
    let cgroup = Cgroup(unified: plan.unified, legacy: plan.legacy)
    do throws(WorkerError) {
      var applied = AppliedLimits(bestEffort: bestEffort)
      for folder in plan.folders {
        try self.make(folder)
        for setting in folder.settings { try applied.apply(setting, in: folder.path) }
      }
      return (cgroup, applied.byName)
    } catch {
      cgroup.remove()
      throw error
    }
  }

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
    self.kill()
    if let unified = self.unified {
      // A process is in every hierarchy until it is dead, so the one that can tell speaks for all.
      CgroupFolder.waitUntilEmpty(unified, milliseconds: Self.patience)
    } else {
      self.waitForMembers()
    }
    return self.remove()
  }

  /// Kills every process in it; they may still be dying after it.
  private func kill() {
    if let unified = self.unified,
      (try? File.writeText("1", to: "\(unified)/cgroup.kill")) != nil
    {
      return
    }
    // Kernels before 5.14 have no cgroup.kill. What is frozen cannot fork while we go through it.
    let freezer = self.folders.lazy.map { "\($0)/freezer.state" }.first(where: File.exists(path:))
    if let freezer { try? File.writeText("FROZEN", to: freezer) }  // without it: as good as can be
    for folder in self.folders { self.killEach(in: folder) }
    if let freezer { try? File.writeText("THAWED", to: freezer) }  // a frozen process cannot die
  }

  private func killEach(in folder: String) {
    for pid in self.members(of: folder) {
      // A number may have come to mean another process before it was opened; after that it cannot.
      guard let process = try? PIDFD(process: pid), self.members(of: folder).contains(pid)
      else { continue }
      try? process.signal(SIGKILL)  // gone already: all the better
    }
  }

  /// v1 tells nobody when a group is empty: its processes are waited for one by one.
  private func waitForMembers() {
    let end = Clock.boot() + Self.patience * 1_000_000
    while let pid = self.folders.flatMap({ self.members(of: $0) }).first {
      let left = (end - Clock.boot()) / 1_000_000
      guard left > 0 else { return }
      guard let process = try? PIDFD(process: pid) else { continue }  // just gone: look again
      var entries = [
        pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      ]
      try? Poll.wait(&entries, milliseconds: left)  // what is left shows when the folders stay
    }
  }

  private func members(of folder: String) -> [Int32] {
    // No such folder: it was removed already, and so nobody is in it.
    let text = (try? File.readText("\(folder)/cgroup.procs")) ?? ""
    return text.split(separator: "\n").compactMap { Int32($0) }
  }

  private static func make(_ folder: CgroupPlan.Folder) throws(WorkerError) {
    do throws(SystemError) {
      try File.makeFolder(path: folder.path)
    } catch {
      throw WorkerError(
        .failedPrecondition,
        "cannot make the job's cgroup: \(error): \(Self.advice(on: error))")
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
