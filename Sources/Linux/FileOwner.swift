import Glibc

/// Owner, mode and the true place of files.
extension File {
  /// fchownat(2), following no link.
  package static func setOwner(
    _ name: String, in folder: borrowing OwnedDescriptor, uid: UInt32, gid: UInt32
  ) throws(SystemError) {
    let raw = folder.rawValue
    try check("chown(\(name))") { fchownat(raw, name, uid, gid, AT_SYMLINK_NOFOLLOW) }
  }

  /// flock(2), exclusive; blocks while somebody else holds it.
  package static func waitForLock(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = descriptor.rawValue
    try check("flock") { flock(raw, LOCK_EX) }
  }

  /// Gives up what `tryLock` took.
  package static func unlock(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = descriptor.rawValue
    try check("flock") { flock(raw, LOCK_UN) }
  }

  /// fchmod(2).
  package static func setMode(
    _ mode: UInt32, of descriptor: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let raw = descriptor.rawValue
    try check("fchmod") { fchmod(raw, mode) }
  }

  /// The absolute path without links, `.` and `..`, see realpath(3).
  package static func realPath(_ path: String) throws(SystemError) -> String {
    guard let real = realpath(path, nil) else {
      throw SystemError(call: "realpath(\(path))", errno: errno)
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// mkdir(2) of a path; the mode is cut by the umask.
  package static func makeFolder(path: String, mode: UInt32 = 0o755) throws(SystemError) {
    try check("mkdir(\(path))") { mkdir(path, mode) }
  }

  /// rmdir(2); nothing there is fine.
  package static func removeFolder(path: String) throws(SystemError) {
    if rmdir(path) == 0 || errno == ENOENT { return }
    throw SystemError(call: "rmdir(\(path))", errno: errno)
  }

  /// Whether a socket has this name; links are followed.
  package static func isSocket(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// access(2) of a path, by the effective user.
  package static func exists(path: String) -> Bool {
    faccessat(AT_FDCWD, path, F_OK, 0) == 0
  }
}

/// Facts of the calling process.
package enum CurrentProcess {
  package static var effectiveUID: UInt32 { geteuid() }
  package static var pid: Int32 { getpid() }

  /// The soft and hard limit of `resource`, see getrlimit(2).
  package static func resourceLimit(_ resource: Int32) -> Spawn.ResourceLimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(UInt32(bitPattern: resource)), &limit)
    return Spawn.ResourceLimit(
      resource: resource, soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }
}

extension CurrentProcess {
  /// Whether capability `number` was in the effective set when this was first asked, see capabilities(7):
  /// nothing here ever gives one up.
  package static func hasCapability(_ number: Int) -> Bool {
    self.effectiveCapabilities >> number & 1 == 1
  }

  private static let effectiveCapabilities: UInt64 = {
    let status = (try? File.readText("/proc/self/status")) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    let digits = line?.drop { $0 != "\t" }.dropFirst() ?? ""
    return UInt64(digits, radix: 16) ?? 0
  }()
}
