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
  /// nothing behind when it fails.
  static func make(
    _ plan: CgroupPlan
  ) throws(WorkerError) -> (Cgroup, applied: [String: AppliedLimit]) {
    let cgroup = Cgroup(unified: plan.unified, legacy: plan.legacy)
    do throws(WorkerError) {
      var applied: [String: AppliedLimit] = [:]
      for folder in plan.folders { try self.make(folder, applied: &applied) }
      return (cgroup, applied)
    } catch {
      cgroup.remove()
      throw error
    }
  }

  /// Removes every folder; answers false while a process is left in one.
  @discardableResult
  func remove() -> Bool {
    var removed = true
    for folder in self.folders {
      do throws(SystemError) { try File.removeFolder(path: folder) } catch { removed = false }
    }
    return removed
  }

  /// Kills every process in it, for a job whose keeper is gone; they may still be dying after it.
  func kill() {
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
    // No such folder: it was removed already, and so nobody is in it.
    let text = (try? File.readText("\(folder)/cgroup.procs")) ?? ""
    for pid in text.split(separator: "\n").compactMap({ Int32($0) }) {
      try? PIDFD(process: pid).signal(SIGKILL)  // gone already: all the better
    }
  }

  private static func make(
    _ folder: CgroupPlan.Folder, applied: inout [String: AppliedLimit]
  ) throws(WorkerError) {
    do throws(SystemError) {
      try File.makeFolder(path: folder.path)
    } catch {
      throw WorkerError(
        .failedPrecondition,
        "cannot make the job's cgroup: \(error); is the cgroup tree writable for this worker?")
    }
    for setting in folder.settings {
      let path = "\(folder.path)/\(setting.file)"
      if setting.implied, !File.exists(path: path) { continue }
      try self.write(setting, to: path)
      let value = try self.readBack(setting, from: path)
      for limit in setting.limits {
        applied[limit] = AppliedLimit(file: setting.file, value: value)
      }
    }
  }

  private static func write(_ setting: CgroupSetting, to path: String) throws(WorkerError) {
    do throws(SystemError) {
      try File.writeText(setting.value, to: path)
    } catch {
      let limit = setting.limits.first ?? setting.file
      throw WorkerError(.failedPrecondition, "cannot limit \(limit): the kernel refused \(error)")
    }
  }

  private static func readBack(
    _ setting: CgroupSetting, from path: String
  ) throws(WorkerError) -> String {
    let text: String
    do throws(SystemError) { text = try File.readText(path) } catch {
      throw WorkerError(.internal, "cannot read a limit back: \(error)")
    }
    let lines = text.split(separator: "\n")
    guard let disk = setting.disk else { return lines.first.map(String.init) ?? "" }
    let start = "\(disk) "
    guard let line = lines.first(where: { $0.hasPrefix(start) }) else {
      throw WorkerError(
        .failedPrecondition,
        "cannot limit \(setting.limits.joined(separator: ", ")): the kernel took "
          + "'\(setting.value)' into \(setting.file) and does not show it")
    }
    return String(line)
  }
}

extension Cgroup {
  /// The cgroup that a job's launch plan names.
  init(_ plan: LaunchPlan) {
    self.init(unified: plan.cgroup2, legacy: plan.cgroupsV1)
  }
}
