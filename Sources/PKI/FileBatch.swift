import Glibc
import Linux

/// Files that are written whole and shown at once: each is complete, synced and has its final mode
/// before its name appears, and what fails half-way leaves nothing behind.
struct FileBatch: ~Copyable {
  /// Ends the names of files that are not complete.
  static let temporarySuffix = ".worker-tmp"

  private let folder: OwnedDescriptor
  private let location: String
  private var staged: [Staged] = []

  private struct Staged {
    let name: String
    let temporary: String
  }

  /// `folder` must be locked: its lock also says that no temporary file in it is somebody else's.
  init(in folder: borrowing CertificateFolder) throws(PKIError) {
    self.location = folder.path("")
    self.folder = try wrap("open", folder.location) { () throws(SystemError) in
      try folder.descriptor.duplicate()
    }
  }

  deinit {
    // Still here only when something failed, which has been told already.
    for file in self.staged { unlinkat(self.folder.rawValue, file.temporary, 0) }
  }

  /// Writes `contents` under a temporary name. O_EXCL with the final mode: there is no moment at
  /// which anybody else could open a key.
  mutating func stage(_ name: String, mode: mode_t, _ contents: Memory) throws(PKIError) {
    let temporary = name + Self.temporarySuffix
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    let file = try wrap("create", self.location + temporary) { () throws(SystemError) in
      try File.open(temporary, in: self.folder, flags, mode: mode)
    }
    self.staged.append(Staged(name: name, temporary: temporary))
    let path = self.location + name
    let raw = file.rawValue
    // By pointer from OpenSSL's memory to the kernel: nobody would zero a copy of a key.
    try contents.withBytes { (bytes) throws(PKIError) in
      try wrap("write", path) { () throws(SystemError) in
        var written = 0
        while written < bytes.count {
          let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
          written += try check("write(\(path))") { write(raw, rest.baseAddress, rest.count) }
        }
        try check("fsync(\(path))") { fsync(raw) }
      }
    }
  }

  /// Gives every file its name, in the order staged. Without `overwrite` none of them may exist,
  /// and those that got their name before one that did are taken away again.
  mutating func publish(overwrite: Bool) throws(PKIError) {
    var shown: [String] = []
    do throws(PKIError) {
      while let file = self.staged.first {
        try overwrite ? self.replace(file) : self.add(file)
        self.staged.removeFirst()
        shown.append(file.name)
      }
      try self.sync(shown)
    } catch {
      if !overwrite {
        for name in shown { unlinkat(self.folder.rawValue, name, 0) }
      }
      throw error
    }
  }

  private borrowing func replace(_ file: Staged) throws(PKIError) {
    try wrap("write", self.location + file.name) { () throws(SystemError) in
      try File.rename(file.temporary, to: file.name, in: self.folder)
    }
  }

  /// link(2) refuses an existing name as RENAME_NOREPLACE does, on every file system that has
  /// modes; NFS does not know the latter.
  private borrowing func add(_ file: Staged) throws(PKIError) {
    let raw = self.folder.rawValue
    guard linkat(raw, file.temporary, raw, file.name, 0) == 0 else {
      if errno == EEXIST { throw .exists(self.location + file.name) }
      throw PKIError(
        what: "write", path: self.location + file.name, reason: SystemError.reason(errno: errno))
    }
    unlinkat(raw, file.temporary, 0)
  }

  /// Makes the new names survive a power cut, in every folder that got one.
  private borrowing func sync(_ names: [String]) throws(PKIError) {
    let folders = Set(names.map { $0.split(separator: "/").dropLast().joined(separator: "/") })
    for name in folders {
      try wrap("write", self.location + name) { () throws(SystemError) in
        let flags = O_RDONLY | O_DIRECTORY
        try File.sync(try File.open(name.isEmpty ? "." : name, in: self.folder, flags))
      }
    }
  }
}

extension PKIError {
  static func exists(_ path: String) -> PKIError {
    PKIError(what: "create", path: path, reason: "exists already, pass --force to replace it")
  }
}
