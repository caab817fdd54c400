import COpenSSL
import Glibc
import Linux

/// A certificate folder, held open: every file is reached relative to it, so that a folder that is
/// renamed or exchanged in the middle of an action cannot mix two.
struct Folder: ~Copyable {
  let location: String
  private let descriptor: OwnedDescriptor

  init(opening location: String) throws(PKIError) {
    self.location = location
    self.descriptor = try wrap("open", location) { () throws(SystemError) in
      OwnedDescriptor(
        owning: try check("open(\(location))") {
          open(location, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        })
    }
  }

  /// Makes the folder, and those above it, with mode 0700 where they are missing. One that exists
  /// keeps its mode (it may be anybody's, as `/etc`), but one that anybody may write to is refused.
  static func make(_ location: String) throws(PKIError) -> Folder {
    for path in Self.parents(of: location) where mkdir(path, 0o700) == -1 && errno != EEXIST {
      throw PKIError(what: "make folder", path: path, reason: SystemError.reason(errno: errno))
    }
    let folder = try Folder(opening: location)
    var status = stat()
    let raw = folder.descriptor.rawValue
    try wrap("look at", location) { () throws(SystemError) in
      try check("fstat(\(location))") { fstat(raw, &status) }
    }
    if status.st_mode & S_IWOTH != 0 {
      throw PKIError(
        what: "use folder", path: location, reason: "anybody may write to it: chmod o-w it first")
    }
    return folder
  }

  /// Keeps others of our kind out until the folder is closed, see flock(2).
  borrowing func lock() throws(PKIError) {
    let raw = self.descriptor.rawValue
    try wrap("lock", self.location) { () throws(SystemError) in
      try check("flock(\(self.location))") { flock(raw, LOCK_EX) }
    }
  }

  borrowing func path(_ name: String) -> String {
    self.location.hasSuffix("/") ? self.location + name : "\(self.location)/\(name)"
  }

  borrowing func exists(_ name: String) -> Bool {
    faccessat(self.descriptor.rawValue, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
  }

  borrowing func makeFolder(_ name: String) throws(PKIError) {
    guard mkdirat(self.descriptor.rawValue, name, 0o700) == -1, errno != EEXIST else { return }
    throw PKIError(
      what: "make folder", path: self.path(name), reason: SystemError.reason(errno: errno))
  }

  borrowing func remove(_ name: String) throws(PKIError) {
    guard unlinkat(self.descriptor.rawValue, name, 0) == -1, errno != ENOENT else { return }
    throw PKIError(what: "remove", path: self.path(name), reason: SystemError.reason(errno: errno))
  }

  /// A public file, whole.
  borrowing func read(_ name: String) throws(PKIError) -> [UInt8] {
    try RegularFile.read(name, in: self.descriptor.rawValue, shown: self.path(name))
  }

  /// A private key's file, for OpenSSL to read by itself: no copy of it passes through our memory.
  borrowing func openSecret(_ name: String) throws(PKIError) -> Memory {
    let path = self.path(name)
    let file = try RegularFile(name, in: self.descriptor.rawValue, shown: path)
    let others = file.status.st_mode & 0o077
    guard others == 0 else {
      throw PKIError(what: "read", path: path, reason: "others may read this key: chmod 600 it")
    }
    let raw = file.release()
    guard let bio = BIO_new_fd(raw, BIO_CLOSE) else {
      close(raw)
      throw .openSSL("read", path: path)
    }
    return Memory(owning: bio)
  }

  /// The names in `subfolder` that end in `suffix`, sorted; none where it does not exist.
  borrowing func names(endingIn suffix: String, in subfolder: String = ".") throws(PKIError)
    -> [String]
  {
    let raw = openat(self.descriptor.rawValue, subfolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if raw == -1, errno == ENOENT { return [] }
    guard raw != -1, let stream = fdopendir(raw) else {
      throw PKIError(
        what: "list", path: self.path(subfolder), reason: SystemError.reason(errno: errno))
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(suffix), !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Makes what was renamed or linked in the folder survive a power cut, see fsync(2).
  borrowing func sync() throws(PKIError) {
    let raw = self.descriptor.rawValue
    try wrap("write", self.location) { () throws(SystemError) in
      try check("fsync(\(self.location))") { fsync(raw) }
    }
  }

  /// For the `…at` calls of `FileBatch`.
  borrowing func withDescriptor<Result>(
    _ body: (CInt) throws(PKIError) -> Result
  ) throws(PKIError) -> Result {
    try body(self.descriptor.rawValue)
  }

  /// `a/b/c` as `a`, `a/b`, `a/b/c`.
  private static func parents(of location: String) -> [String] {
    var path = location.hasPrefix("/") ? "/" : ""
    return location.split(separator: "/").map { part in
      path += path.isEmpty || path.hasSuffix("/") ? String(part) : "/" + part
      return path
    }
  }
}

/// Runs system calls, and tells a failure as ours.
@discardableResult
func wrap<Result: ~Copyable>(
  _ what: String, _ path: String, _ body: () throws(SystemError) -> Result
) throws(PKIError) -> Result {
  do {
    return try body()
  } catch {
    throw PKIError(what: what, path: path, error)
  }
}
