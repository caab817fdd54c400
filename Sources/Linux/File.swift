import CLinux
import Glibc

/// Files and folders relative to an open folder, so that no path is walked twice.
package enum File {
  /// open(2) of a path; close-on-exec always.
  package static func open(
    _ path: String, _ flags: CInt, mode: UInt32 = 0o600
  ) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try check("open(\(path))") { Glibc.open(path, flags | O_CLOEXEC, mode) })
  }

  /// openat(2) of a name in `folder`; close-on-exec always.
  package static func open(
    _ name: String, in folder: borrowing OwnedDescriptor, _ flags: CInt, mode: UInt32 = 0o600
  ) throws(SystemError) -> OwnedDescriptor {
    let raw = folder.rawValue
    return OwnedDescriptor(
      owning: try check("open(\(name))") { openat(raw, name, flags | O_CLOEXEC, mode) })
  }

  package static func openFolder(_ path: String) throws(SystemError) -> OwnedDescriptor {
    try self.open(path, O_RDONLY | O_DIRECTORY)
  }

  /// mkdirat(2); the mode is set as asked, whatever the umask.
  package static func makeFolder(
    _ name: String, in folder: borrowing OwnedDescriptor, mode: UInt32 = 0o700
  ) throws(SystemError) {
    let raw = folder.rawValue
    try check("mkdir(\(name))") { mkdirat(raw, name, mode) }
    try check("chmod(\(name))") { fchmodat(raw, name, mode, 0) }
  }

  /// Makes a folder and those above it where they are missing.
  package static func makeFolders(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      if mkdir(made, mode) == -1, errno != EEXIST {
        throw SystemError(call: "mkdir(\(made))", errno: errno)
      }
    }
  }

  package static func makeFIFO(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let raw = folder.rawValue
    try check("mkfifo(\(name))") { mkfifoat(raw, name, 0o600) }
  }

  /// Writes all of `bytes`, however many calls that takes.
  package static func writeAll(
    _ bytes: [UInt8], to descriptor: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let raw = descriptor.rawValue
    var done = 0
    while done < bytes.count {
      done += try check("write") {
        bytes.withUnsafeBytes { buffer in
          Glibc.write(raw, buffer.baseAddress.map { $0 + done }, bytes.count - done)
        }
      }
    }
  }

  /// Reads to the end of the file; EFBIG when it holds more than `limit` bytes.
  package static func readAll(
    _ descriptor: borrowing OwnedDescriptor, limit: Int = 16 << 20
  ) throws(SystemError) -> [UInt8] {
    let raw = descriptor.rawValue
    var bytes: [UInt8] = []
    while true {
      guard bytes.count <= limit else { throw SystemError(call: "read", errno: EFBIG) }
      // Small files first: most are. Growth is left to the array, which doubles.
      let piece = try self.readSome(raw, bytes.isEmpty ? 4096 : 64 * 1024)
      if piece.isEmpty { return bytes }
      bytes += piece
    }
  }

  /// The whole content of a small file of `folder`.
  package static func read(
    _ name: String, in folder: borrowing OwnedDescriptor, limit: Int = 16 << 20
  ) throws(SystemError) -> [UInt8] {
    let file = try self.open(name, in: folder, O_RDONLY)
    return try self.readAll(file, limit: limit)
  }

  /// The whole content of a small file as text, as the kernel's files under /proc and /sys.
  package static func readText(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> String {
    let file = try self.open(path, O_RDONLY)
    return String(decoding: try self.readAll(file, limit: limit), as: UTF8.self)
  }

  /// Writes `text` into an existing file in one write(2), as the kernel's files want it.
  package static func writeText(_ text: String, to path: String) throws(SystemError) {
    let file = try self.open(path, O_WRONLY)
    let raw = file.rawValue
    let bytes = Array(text.utf8)
    try check("write(\(path), \(text))") { Glibc.write(raw, bytes, bytes.count) }
  }

  /// Puts a whole file in place: temporary, write, fsync, rename, fsync of the folder.
  ///
  /// Readers see the old file or the new one, never a part. Without `durable` nothing is synced:
  /// for what means nothing after a reboot.
  package static func replace(
    _ name: String, in folder: borrowing OwnedDescriptor, with bytes: [UInt8],
    mode: UInt32 = 0o600, durable: Bool = true
  ) throws(SystemError) {
    let temporary = self.temporary(name)
    // Not O_TRUNC: that would give away what `reserve` has taken.
    let file = try self.open(temporary, in: folder, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: mode)
    try self.writeAll(bytes, to: file)
    try self.truncate(file, to: Int64(bytes.count))
    if durable { try self.sync(file) }
    try self.rename(temporary, to: name, in: folder)
    if durable { try self.sync(folder) }
  }

  package static func rename(
    _ name: String, to newName: String, in folder: borrowing OwnedDescriptor,
    exclusive: Bool = false
  ) throws(SystemError) {
    let raw = folder.rawValue
    try check("rename(\(name), \(newName))") {
      clinux_rename(raw, name, raw, newName, exclusive ? 1 : 0)
    }
  }

  /// Tells a file system that knows such a thing that the folders in this one are unrelated trees. chattr(1).
  package static func spreadFolders(in folder: borrowing OwnedDescriptor) {
    clinux_spread_folders(folder.rawValue)
  }

  /// Sends what was written on its way without waiting: a hint, that changes nothing of what a later
  /// `sync` has to promise. sync_file_range(2).
  package static func startWriting(_ descriptor: borrowing OwnedDescriptor) {
    clinux_start_writing(descriptor.rawValue)
  }

  /// fsync(2).
  package static func sync(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = descriptor.rawValue
    try check("fsync") { fsync(raw) }
  }

  package static func size(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) -> Int64 {
    let raw = descriptor.rawValue
    var status = stat()
    try check("fstat") { fstat(raw, &status) }
    return Int64(status.st_size)
  }

  package static func truncate(
    _ descriptor: borrowing OwnedDescriptor, to size: Int64
  ) throws(SystemError) {
    let raw = descriptor.rawValue
    try check("ftruncate") { ftruncate(raw, off_t(size)) }
  }

  package static func exists(_ name: String, in folder: borrowing OwnedDescriptor) -> Bool {
    faccessat(folder.rawValue, name, F_OK, 0) == 0
  }

  /// flock(2), exclusive; false when somebody else holds it. The lock belongs to the open file:
  /// every descriptor that is a copy of this one holds it too.
  package static func tryLock(_ descriptor: borrowing OwnedDescriptor) throws(SystemError) -> Bool {
    if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 { return true }
    if errno == EWOULDBLOCK { return false }
    throw SystemError(call: "flock", errno: errno)
  }

  private static func readSome(_ raw: CInt, _ count: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(SystemError) {
        filled = try check("read") { Glibc.read(raw, buffer.baseAddress, count) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
