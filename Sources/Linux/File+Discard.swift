import Glibc

extension File {
  /// Removes a file and gives its disk space back at once, even while others have it open: they read
  /// an end of file instead.
  package static func discard(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let file = try self.open(name, in: folder, O_WRONLY | O_NOFOLLOW)
    // The name first: whoever finds the file by its name finds it whole.
    let raw = folder.rawValue
    try check("unlink(\(name))") { unlinkat(raw, name, 0) }
    try self.truncate(file, to: 0)
  }

  package static func remove(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let raw = folder.rawValue
    try check("unlink(\(name))") { unlinkat(raw, name, 0) }
  }

  /// Whether the open file has no name any more.
  package static func isUnlinked(
    _ descriptor: borrowing OwnedDescriptor
  ) throws(SystemError) -> Bool {
    let raw = descriptor.rawValue
    var status = stat()
    try check("fstat") { fstat(raw, &status) }
    return status.st_nlink == 0
  }
}
