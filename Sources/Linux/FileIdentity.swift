import Glibc

/// Which file something is, whatever its name: device and inode, see stat(2).
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  package init(of file: borrowing OwnedDescriptor) throws(SystemError) {
    var status = stat()
    let raw = file.rawValue
    try check("fstat") { fstat(raw, &status) }
    self.device = UInt64(status.st_dev)
    self.inode = UInt64(status.st_ino)
  }

  /// Nil when nothing is there.
  package init?(ofPath path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.device = UInt64(status.st_dev)
    self.inode = UInt64(status.st_ino)
  }

  /// When the content last changed, in nanoseconds since 1970.
  package static func changeTime(of file: borrowing OwnedDescriptor) throws(SystemError) -> Int64 {
    var status = stat()
    let raw = file.rawValue
    try check("fstat") { fstat(raw, &status) }
    return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }
}
