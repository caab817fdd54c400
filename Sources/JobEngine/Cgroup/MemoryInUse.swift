import Linux

/// What of a job's memory cannot be taken back by the kernel.
enum MemoryInUse {
  /// Refuses a limit below it: cgroup v2 would take the limit and kill processes for it, v1 refuse it.
  static func check(_ limit: Int64, in cgroup: Cgroup) throws(WorkerError) {
    guard let held = self.bytes(in: cgroup), held > limit else { return }
    throw WorkerError(
      .failedPrecondition,
      "cannot limit memory to \(limit) bytes: the job holds \(held) bytes that cannot be reclaimed; "
        + "give more, or stop it")
  }

  /// All but cached files, which are dropped on demand; nil where nothing counts it.
  static func bytes(in cgroup: Cgroup) -> Int64? {
    if let unified = cgroup.unified,
      let bytes = self.bytes(unified, "memory.current", "")
    {
      return bytes
    }
    return cgroup.legacy.lazy.compactMap {
      self.bytes($0, "memory.usage_in_bytes", "total_")
    }.first
  }

  private static func bytes(_ folder: String, _ file: String, _ prefix: String) -> Int64? {
    guard let text = try? File.readText("\(folder)/\(file)"),
      let used = Int64(text.prefix { !$0.isWhitespace }),
      let stat = try? File.readText("\(folder)/memory.stat")
    else { return nil }
    let cached = ["inactive_file", "active_file"].reduce(Int64(0)) {
      $0 + (KernelFile.value(of: prefix + $1, in: stat) ?? 0)
    }
    return max(used - cached, 0)
  }
}
