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
    var hidingPlace: String?
    for step in steps { try self.perform(step, &hidingPlace) }
  }

  /// `hidingPlace`: a folder that is hidden already, if there is one.
  private static func perform(
    _ step: LaunchPlan.MountStep, _ hidingPlace: inout String?
  ) throws(SystemError) {
    switch step {
    case .bind(let source, let target, let readOnly):
      try Mount.mount(source, at: target, [.bind, .recursive])
      // mount(2): a bind mount takes its flags only by a remount.
      try self.remount(target, readOnly ? [.readOnly] : [])
    case .tmpfs(let target, let options):
      try Mount.mount("tmpfs", at: target, type: "tmpfs", [.noSetUID, .noDevices], data: options)
    case .hide(let target):
      try self.hide(target, &hidingPlace)
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
  private static func hide(_ target: String, _ hidingPlace: inout String?) throws(SystemError) {
    var status = stat()
    guard stat(target, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR || errno == EACCES { return }
      throw SystemError(call: "stat(\(target))", errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return try Mount.mount("/dev/null", at: target, [.bind])
    }
    // One empty file system serves all: making one costs several times a bind.
    if let hidingPlace { return try Mount.mount(hidingPlace, at: target, [.bind]) }
    try Mount.mount(
      "tmpfs", at: target, type: "tmpfs", [.readOnly, .noSetUID, .noDevices, .noExec],
      data: "mode=0,size=4k")
    hidingPlace = target
  }
}
