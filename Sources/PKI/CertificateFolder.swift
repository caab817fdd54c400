import COpenSSL
import Glibc
import Linux

/// A certificate folder, held open: every file is reached relative to it, so that a folder that is
/// renamed or exchanged in the middle of an action cannot mix two.
struct CertificateFolder: ~Copyable {
  let location: String
  let descriptor: OwnedDescriptor

  init(opening location: String) throws(PKIError) {
    self.location = location
    do {
      self.descriptor = try File.openFolder(location)
    } catch {
      let advice = error.errno == ENOENT ? ": name another, or make one with worker pki init" : ""
      throw PKIError(what: "open", path: location, reason: error.reason + advice)
    }
  }

  /// Makes the folder, and those above it, with mode 0700 where they are missing. One that exists
  /// keeps its mode: it may be anybody's, as `/etc`.
  static func make(_ location: String) throws(PKIError) -> CertificateFolder {
    guard !location.isEmpty else {
      throw PKIError(what: "folder ''", reason: "is empty: name one, as certs")
    }
    try wrap("make folder", location) { () throws(SystemError) in
      try File.makeFolders(location)
    }
    return try CertificateFolder(opening: location)
  }

  /// Makes ready for changes: keeps others of our kind out until the folder is closed (flock(2)),
  /// and takes away what one of them that was killed left behind.
  borrowing func lock() throws(PKIError) {
    var status = stat()
    let raw = self.descriptor.rawValue
    try wrap("lock", self.location) { () throws(SystemError) in
      try check("fstat(\(self.location))") { fstat(raw, &status) }
      try check("flock(\(self.location))") { flock(raw, LOCK_EX) }
    }
    if status.st_mode & S_IWOTH != 0 {
      throw PKIError(
        what: "use folder", path: self.location,
        reason: "anybody may write to it: chmod o-w it first")
    }
    for subfolder in ["", FileName.issued + "/"] {
      for name in try self.names(endingIn: FileBatch.temporarySuffix, in: subfolder) {
        try self.remove(subfolder + name)
      }
    }
  }

  borrowing func path(_ name: String) -> String {
    self.location.hasSuffix("/") ? self.location + name : "\(self.location)/\(name)"
  }

  borrowing func exists(_ name: String) -> Bool {
    File.exists(name, in: self.descriptor)
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
    try RegularFile(name, in: self).content()
  }

  /// A private key's file, for OpenSSL to read by itself: no copy of it passes through our memory.
  borrowing func openSecret(_ name: String) throws(PKIError) -> Memory {
    let file = try RegularFile(name, in: self)
    guard file.mode & 0o077 == 0 else {
      throw PKIError(
        what: "read", path: file.path,
        reason: "others may read this key (mode 0\(String(file.mode & 0o777, radix: 8))):"
          + " chmod 600 it, and replace it if it was so for long")
    }
    let path = file.path
    let raw = file.release()
    guard let bio = BIO_new_fd(raw, BIO_CLOSE) else {
      close(raw)
      throw .openSSL("read", path: path)
    }
    return Memory(owning: bio)
  }

  /// The visible names in `subfolder` (empty: here) that end in `suffix`, sorted; none where it
  /// does not exist.
  borrowing func names(endingIn suffix: String, in subfolder: String = "") throws(PKIError)
    -> [String]
  {
    guard subfolder.isEmpty || self.exists(subfolder) else { return [] }
    let names = try wrap("list", self.path(subfolder)) { () throws(SystemError) in
      let flags = O_RDONLY | O_DIRECTORY
      let name = subfolder.isEmpty ? "." : subfolder
      return try Folder.names(in: try File.open(name, in: self.descriptor, flags))
    }
    return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
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
    throw PKIError(what: what, path: path, reason: error.reason)
  }
}
