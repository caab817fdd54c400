/// What mounts must be before anything is looked up for them.
extension JobSpec {
  /// Keeps the plan small, and the descriptors of PID 1 well below its limit.
  private static let maxMounts = 64
  /// The kernel's own, where a mount could undo what is masked, or show what is hidden.
  private static let kernelFolders = ["/proc", "/sys", "/dev"]

  func validateMounts() throws(WorkerError) {
    try self.validateNetwork()
    let count = self.binds.count + self.tmpfs.count
    guard count <= Self.maxMounts else {
      throw .invalid("at most \(Self.maxMounts) binds and tmpfs, got \(count)")
    }
    for bind in self.binds { try Self.validate(source: bind.source, what: "bind source") }
    if let rootfs { try Self.validate(source: rootfs, what: "rootfs") }
    try self.validateDestinations()
    try self.validateSizes()
    if self.hasUserNamespace, self.user != .own {
      throw .invalid("a user namespace has its own users, root first: leave the user away")
    }
  }

  private static func validate(source: String, what: String) throws(WorkerError) {
    guard self.isPlain(source) else {
      throw .invalid("\(what) must be an absolute path without '.' and '..', got '\(source)'")
    }
    if source == "/" || MountPlan.contains(self.kernelFolders, source) {
      throw .invalid("\(what) '\(source)' shows the host's kernel: name a folder of files")
    }
  }

  private func validateDestinations() throws(WorkerError) {
    var taken: Set<String> = []
    for path in self.tmpfs.map(\.destination) + self.binds.map(\.destination) {
      guard Self.isPlain(path), path != "/" else {
        throw .invalid(
          "a mount's destination must be an absolute path below / without '.' and '..', "
            + "got '\(path)'")
      }
      if MountPlan.contains(Self.kernelFolders, path) {
        throw .invalid("a mount's destination must not be in /proc, /sys or /dev, got '\(path)'")
      }
      if self.workingDirectory == nil, JobFolders.work.hasPrefix(path + "/") {
        throw .invalid(
          "a mount at '\(path)' covers the job's working folder \(JobFolders.work): mount it below, or "
            + "name another folder to work in (--workdir)")
      }
      guard taken.insert(path).inserted else { throw .invalid("two mounts at '\(path)'") }
    }
  }

  private func validateSizes() throws(WorkerError) {
    for mount in self.tmpfs {
      guard let size = mount.size else { continue }
      guard size >= 4096 else {
        throw .invalid("tmpfs '\(mount.destination)' must have at least 4096 bytes, got \(size)")
      }
      if let memory = self.limits.memory, size > memory {
        throw .invalid(
          "tmpfs '\(mount.destination)' of \(size) bytes is larger than the job's memory limit of "
            + "\(memory): it lies in that memory")
      }
    }
  }

  /// Absolute, and every part a name.
  static func isPlain(_ path: String) -> Bool {
    guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count < 4096 else { return false }
    if path == "/" { return true }
    let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return !parts.contains("") && !parts.contains(".") && !parts.contains("..")
  }
}
