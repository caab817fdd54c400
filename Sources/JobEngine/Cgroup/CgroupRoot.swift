import Glibc
import Linux

/// Makes the cgroup2 folder below which jobs live ready for them.
enum CgroupRoot {
  /// Hands the controllers on to the children, and moves this process to a leaf where the kernel's
  /// rule "no internal processes" (cgroups(7)) asks for it, unless nobody `mayBeInside`. Nothing outside
  /// the folder is touched.
  static func prepare(
    _ layout: CgroupLayout, mayBeInside: Bool = true
  ) throws(WorkerError) {
    guard let unified = layout.unified else { return }
    guard File.exists(path: "\(unified.folder)/cgroup.procs") else {
      throw WorkerError(
        .failedPrecondition, "'\(unified.folder)' is not a cgroup2 folder: give one, or none",
        errno: ENOENT)
    }
    let wanted = Controllers.all.compactMap { $0.name(.v2) }.filter(unified.controllers.contains)
    let missing = try self.missing(wanted, in: unified.folder)
    guard !missing.isEmpty else { return }
    if mayBeInside {
      if self.enable(missing, in: unified.folder) == nil { return }
      try self.moveToLeaf(of: unified.folder)
    }
    guard let error = self.enable(missing, in: unified.folder) else { return }
    throw WorkerError(
      .failedPrecondition,
      "cannot enable the cgroup controllers \(missing.joined(separator: ", ")) below "
        + "'\(unified.folder)': \(error); other processes live in that cgroup: start the worker in "
        + "one of its own (systemd: a service with Delegate=yes)", errno: error.errno)
  }

  private static func missing(
    _ wanted: [String], in folder: String
  ) throws(WorkerError) -> [String] {
    do throws(SystemError) {
      let enabled = try File.readText("\(folder)/cgroup.subtree_control")
        .split(whereSeparator: \.isWhitespace).map(String.init)
      return wanted.filter { !enabled.contains($0) }
    } catch {
      throw WorkerError(.failedPrecondition, "cannot use the cgroup: \(error)", errno: error.errno)
    }
  }

  /// The error, or nil when all are enabled now.
  private static func enable(_ controllers: [String], in folder: String) -> SystemError? {
    do throws(SystemError) {
      let text = controllers.map { "+\($0)" }.joined(separator: " ")
      try File.writeText(text, to: "\(folder)/cgroup.subtree_control")
      return nil
    } catch {
      return error
    }
  }

  private static func moveToLeaf(of folder: String) throws(WorkerError) {
    let leaf = "\(folder)/\(CgroupLayout.supervisor)"
    do throws(SystemError) {
      if !File.exists(path: leaf) { try File.makeFolder(path: leaf) }
      try File.writeText("\(CurrentProcess.pid)", to: "\(leaf)/cgroup.procs")
    } catch {
      throw WorkerError(.failedPrecondition, "cannot move the worker into a leaf cgroup: \(error)")
    }
  }
}
