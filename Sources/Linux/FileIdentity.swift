import Glibc

/// Which file something is, whatever its name: device and inode, see stat(2).
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  package init(of file: borrowing OwnedDescriptor) throws(SystemError) {
    var status = stat()
    let raw = file.rawValue
    try check("fstat") { fstat(raw, &status) }
    self.init(status)
  }

  /// Nil when nothing is there.
  package init?(ofPath path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// In hexadecimal digits and a dash: no other file's, as long as this one is there.
  package var text: String {
    "\(String(self.device, radix: 16))-\(String(self.inode, radix: 16))"
  }

  fileprivate init(_ status: stat) {
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

/// What shows that a file is another one, or was written to.
package struct FileStamp: Hashable, Sendable {
  private let identity: FileIdentity?
  private var isFolder = false
  private var size: Int64 = 0
  private var changed: [Int] = []

  /// Of what is at `path` now; links are followed.
  package init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self.identity = nil
      return
    }
    self.identity = FileIdentity(status)
    self.isFolder = status.st_mode & S_IFMT == S_IFDIR
    self.size = Int64(status.st_size)
    self.changed = [
      status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
  }

  /// Of a folder only which one it is, whatever comes and goes in it.
  package static func ofPlace(_ path: String) -> FileStamp {
    var stamp = FileStamp(path)
    if stamp.isFolder { (stamp.size, stamp.changed) = (0, []) }
    return stamp
  }
}
