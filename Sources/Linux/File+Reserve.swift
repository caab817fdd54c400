import Glibc

extension File {
  /// Takes the room now that a `replace` of `name` by at most `size` bytes will need, so that it does
  /// not fail on a disk that has become full meanwhile. posix_fallocate(3).
  package static func reserve(
    _ name: String, size: Int, in folder: borrowing OwnedDescriptor, mode: UInt32 = 0o600
  ) throws(SystemError) {
    let file = try self.open(
      self.temporary(name), in: folder, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: mode)
    let raw = file.rawValue
    let errno = posix_fallocate(raw, 0, off_t(size))  // which is what it returns
    guard errno == 0 else { throw SystemError(call: "posix_fallocate(\(name))", errno: errno) }
  }

  /// Makes the file that a `replace` of `name` will write to: making one can take a file system
  /// milliseconds.
  package static func makeTemporary(
    _ name: String, in folder: borrowing OwnedDescriptor, mode: UInt32 = 0o600
  ) throws(SystemError) {
    _ = try self.open(
      self.temporary(name), in: folder, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: mode)
  }

  /// Where the content of `name` is written before it gets that name.
  static func temporary(_ name: String) -> String { ".\(name).new" }
}
