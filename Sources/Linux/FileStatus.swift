import Glibc

/// What an open file is, whose, and who may use it: asked of the very file, not of its name. fstat(2).
package struct FileStatus: Hashable, Sendable {
  package let isRegular: Bool
  package let uid: UInt32
  /// Permissions, set-id bits included.
  package let mode: UInt32

  package init(of file: borrowing OwnedDescriptor) throws(SystemError) {
    var status = stat()
    let raw = file.rawValue
    try check("fstat") { fstat(raw, &status) }
    self.isRegular = status.st_mode & S_IFMT == S_IFREG
    self.uid = status.st_uid
    self.mode = status.st_mode & 0o7777
  }
}
