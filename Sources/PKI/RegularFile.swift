import Glibc
import Linux

/// A regular file, open for reading, and what fstat(2) says of the very file that is open.
struct RegularFile: ~Copyable {
  let descriptor: OwnedDescriptor
  let status: stat

  /// Opens `name` relative to `folder`; errors call it `shown`.
  init(_ name: String, in folder: CInt, shown: String) throws(PKIError) {
    // O_NONBLOCK: a FIFO under that name must be refused, not waited for.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let opened = try wrap("open", shown) { () throws(SystemError) in
      OwnedDescriptor(owning: try check("openat(\(shown))") { openat(folder, name, flags) })
    }
    var status = stat()
    let raw = opened.rawValue
    try wrap("look at", shown) { () throws(SystemError) in
      try check("fstat(\(shown))") { fstat(raw, &status) }
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw PKIError(what: "open", path: shown, reason: "is not a regular file")
    }
    self.descriptor = opened
    self.status = status
  }

  /// The descriptor, which the caller closes.
  consuming func release() -> CInt {
    self.descriptor.release()
  }

  /// The whole content.
  static func read(_ name: String, in folder: CInt, shown: String) throws(PKIError) -> [UInt8] {
    let file = try RegularFile(name, in: folder, shown: shown)
    guard file.status.st_size <= self.largest else {
      throw PKIError(
        what: "read", path: shown, reason: "has \(file.status.st_size) bytes, no certificate has")
    }
    let raw = file.descriptor.rawValue
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = try wrap("read", shown) { () throws(SystemError) in
        try check("read(\(shown))") { Glibc.read(raw, &chunk, chunk.count) }
      }
      if count == 0 { return bytes }
      bytes += chunk.prefix(count)
    }
  }

  /// No certificate, request or revocation list we accept is larger.
  private static let largest = 4 << 20
}
