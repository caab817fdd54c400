import Glibc
import JobStore
import Linux

/// What a job sees of the file system.
enum Mounts {
  /// mount_namespaces(7): with `private` nothing passes in either direction.
  static func makePrivate() throws(SystemError) {
    try Mount.mount(at: "/", [.recursive, .private])
  }

  /// The job's own processes only.
  static func mountProc() throws(SystemError) {
    try Mount.mount("proc", at: "/proc", type: "proc", [.noSetUID, .noDevices, .noExec])
  }

  static func perform(_ steps: [LaunchPlan.MountStep]) throws(SystemError) {
    for step in steps { try self.perform(step) }
  }

  private static func perform(_ step: LaunchPlan.MountStep) throws(SystemError) {
    switch step {
    case .bind(let source, let target, let readOnly):
      try Mount.mount(source, at: target, [.bind, .recursive])
      // mount(2): a bind mount takes its flags only by a remount.
      try self.remount(target, readOnly ? [.readOnly] : [])
    case .tmpfs(let target, let options):
      try Mount.mount("tmpfs", at: target, type: "tmpfs", [.noSetUID, .noDevices], data: options)
    case .hide(let target):
      try self.hide(target)
    case .readOnly(let target):
      guard access(target, F_OK) == 0 else { return }  // not on this kernel: nothing to protect
      try Mount.mount(target, at: target, [.bind, .recursive])
      try self.remount(target, [.readOnly, .noExec])
    }
  }

  private static func remount(_ target: String, _ flags: Mount.Flags) throws(SystemError) {
    try Mount.mount(at: target, flags.union([.bind, .remount, .noSetUID, .noDevices]))
  }

  /// An empty read-only folder, or /dev/null, in place of what must not be seen.
  private static func hide(_ target: String) throws(SystemError) {
    var status = stat()
    guard stat(target, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR || errno == EACCES { return }
      throw SystemError(call: "stat(\(target))", errno: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      try Mount.mount(
        "tmpfs", at: target, type: "tmpfs", [.readOnly, .noSetUID, .noDevices, .noExec],
        data: "mode=0,size=4k")
    } else {
      try Mount.mount("/dev/null", at: target, [.bind])
    }
  }
}
