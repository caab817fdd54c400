import Glibc
import Linux

/// A regular file, open for reading, and what fstat(2) says of the very file that is open.
struct RegularFile: ~Copyable {
  /// As errors call it.
  let path: String
  let mode: mode_t
  private let descriptor: OwnedDescriptor

  init(_ name: String, in folder: borrowing CertificateFolder) throws(PKIError) {
    let path = folder.path(name)
    let opened = try wrap("open", path) { () throws(SystemError) in
      try File.open(name, in: folder.descriptor, Self.flags)
    }
    try self.init(owning: opened, path: path)
  }

  /// A file that lies anywhere.
  init(path: String) throws(PKIError) {
    let opened = try wrap("open", path) { () throws(SystemError) in
      try File.open(path, Self.flags)
    }
    try self.init(owning: opened, path: path)
  }

  // O_NONBLOCK: a FIFO under that name must be refused, not waited for.
  private static let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY

  private init(owning opened: consuming OwnedDescriptor, path: String) throws(PKIError) {
    let raw = opened.rawValue
    var status = stat()
    try wrap("look at", path) { () throws(SystemError) in
      try check("fstat(\(path))") { fstat(raw, &status) }
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw PKIError(what: "open", path: path, reason: "is not a regular file")
    }
    self.path = path
    self.mode = status.st_mode
    self.descriptor = opened
  }

  /// The descriptor, which the caller closes.
  consuming func release() -> CInt {
    self.descriptor.release()
  }

  /// All of it; no certificate, request or revocation list we accept is larger than 4 MiB.
  borrowing func content() throws(PKIError) -> [UInt8] {
    try wrap("read", self.path) { () throws(SystemError) in
      try File.readAll(self.descriptor, limit: 4 << 20)
    }
  }
}
