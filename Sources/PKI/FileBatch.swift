import Glibc
import Linux

/// Files that are written whole and shown at once: each is complete, synced and has its final mode
/// before its name appears, and what fails half-way leaves nothing behind.
struct FileBatch: ~Copyable {
  private let folder: CInt
  private let location: String
  private var staged: [Staged] = []

  private struct Staged {
    let name: String
    let temporary: String
  }

  /// `folder` must outlive the batch.
  init(in folder: borrowing Folder) throws(PKIError) {
    self.location = folder.path("")
    self.folder = try folder.withDescriptor { $0 }
  }

  deinit {
    // Still here only when something failed, which has been told already.
    for file in self.staged { unlinkat(self.folder, file.temporary, 0) }
  }

  /// Writes `contents` under a temporary name. O_EXCL with the final mode: there is no moment at
  /// which anybody else could open a key.
  mutating func stage(_ name: String, mode: mode_t, _ contents: Memory) throws(PKIError) {
    let temporary = "\(name).\(hexadecimal(Random.bytes(6))).tmp"
    let folder = self.folder
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let file = try wrap("create", self.location + temporary) { () throws(SystemError) in
      OwnedDescriptor(
        owning: try check("openat(\(temporary))") { openat(folder, temporary, flags, mode) })
    }
    self.staged.append(Staged(name: name, temporary: temporary))
    let raw = file.rawValue
    let path = self.location + name
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
    } catch {
      if !overwrite {
        for name in shown { unlinkat(self.folder, name, 0) }
      }
      throw error
    }
  }

  private func replace(_ file: Staged) throws(PKIError) {
    try wrap("write", self.location + file.name) { () throws(SystemError) in
      try check("renameat(\(file.name))") {
        renameat(self.folder, file.temporary, self.folder, file.name)
      }
    }
  }

  /// link(2) refuses an existing name, which rename(2) would replace.
  private func add(_ file: Staged) throws(PKIError) {
    guard linkat(self.folder, file.temporary, self.folder, file.name, 0) == 0 else {
      if errno == EEXIST { throw .exists(self.location + file.name) }
      throw PKIError(
        what: "write", path: self.location + file.name, reason: SystemError.reason(errno: errno))
    }
    unlinkat(self.folder, file.temporary, 0)
  }
}

extension PKIError {
  static func exists(_ path: String) -> PKIError {
    PKIError(what: "create", path: path, reason: "exists already, pass --force to replace it")
  }
}

/// Upper-case, two digits a byte, as OpenSSL prints serial numbers.
func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789ABCDEF")
  return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
