import Glibc
import JobStore
import Linux

/// The file `change` of a job: a change of its limits that is under way, and what to write into its
/// cgroup to have it as it was. There before the first of its limits is written, and removed after the
/// file `limits`: so the worker after one that was killed in between can tell which limits hold.
struct UnfinishedChange: Hashable, Sendable {
  struct Setting: Hashable, Sendable {
    let path: String
    let value: String
  }

  /// Those that it leads to.
  var limits: Limits
  /// In the order in which they are to be written.
  var before: [Setting]

  func encoded() -> [UInt8] {
    var fields = Fields()
    self.limits.append(to: &fields)
    for setting in self.before {
      fields.append("path", setting.path)
      fields.append("value", setting.value)
    }
    return fields.encoded(kind: "change")
  }

  init(limits: Limits, before: [Setting]) {
    self.limits = limits
    self.before = before
  }

  init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "change")
    self.init(
      limits: Limits(fields),
      before: zip(fields.all("path"), fields.all("value")).map { Setting(path: $0, value: $1) })
  }

  /// Refuses with EBUSY, as v1 itself does, where a limit would come back that the job has grown beyond
  /// meanwhile: cgroup v2 would take it and kill processes for it.
  func checkMemory(in cgroup: Cgroup) throws(StoreError) {
    guard let held = MemoryInUse.bytes(in: cgroup) else { return }
    for setting in self.before where setting.path.hasSuffix("/memory.max") {
      guard let limit = Int64(setting.value), held > limit else { continue }
      throw .system(SystemError(call: "write(memory.max), which holds \(held) bytes", errno: EBUSY))
    }
  }

  /// Answers with what could not be written.
  func takeBack() -> [SystemError] {
    var failed: [SystemError] = []
    for setting in self.before {
      // Nothing at all would not reach the kernel; a line does, and an empty one empties a list.
      do throws(SystemError) { try File.writeText(setting.value + "\n", to: setting.path) } catch {
        failed.append(error)
      }
    }
    return failed
  }
}

extension StateDirectory {
  /// Gives a job that runs the limits that `record` shows, if the last worker was killed while it changed
  /// them. Blocks.
  func settleChange(of id: JobID, _ record: JobRecord) throws(StoreError) {
    let change: UnfinishedChange
    do throws(StoreError) {
      change = try UnfinishedChange(self.read(JobDirectory.change, of: id))
    } catch {
      if case .system(let cause) = error, cause.errno == ENOENT { return }
      throw error
    }
    // The same: the change was made, and only its file was left.
    if change.limits != record.spec.limits {
      if let cgroup = try? self.cgroup(of: id) { try change.checkMemory(in: cgroup) }
      // The job may be just ending, and its cgroup with it.
      if let cause = change.takeBack().first(where: { $0.errno != ENOENT }) { throw .system(cause) }
    }
    try StoreError.wrap { () throws(SystemError) in
      try File.remove(JobDirectory.change, in: try self.open(id))
    }
  }
}
