import Glibc

/// Listing and removing folders.
package enum Folder {
  /// The names in `folder`, without `.` and `..`, in no order.
  package static func names(in folder: borrowing OwnedDescriptor) throws(SystemError) -> [String] {
    // A fresh open, as a duplicate would share the position with the caller's.
    let copy = try File.open(".", in: folder, O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(copy.rawValue) else {
      throw SystemError(call: "fdopendir", errno: errno)
    }
    _ = copy.release()  // closedir closes it
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes `name` and all below it, following no link and leaving no mount; nothing there is fine.
  ///
  /// Works on descriptors, as `rm -r` does, so that a folder swapped for a link meanwhile cannot
  /// lead it elsewhere; and by bytes, as names need not be UTF-8.
  package static func removeTree(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let bytes = name.utf8CString.map { $0 }
    try self.removeTree(bytes, in: folder.rawValue)
  }

  private static func removeTree(_ name: [CChar], in folder: CInt) throws(SystemError) {
    if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw self.failure(name) }
    try self.empty(name, in: folder)
    guard unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw self.failure(name)
    }
  }

  private static func empty(_ name: [CChar], in folder: CInt) throws(SystemError) {
    let raw = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard raw >= 0 else {
      if errno == ENOENT { return }
      throw self.failure(name)
    }
    guard let stream = fdopendir(raw) else {
      close(raw)
      throw SystemError(call: "fdopendir", errno: errno)
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let child = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        raw.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
      }
      if child == [46, 0] || child == [46, 46, 0] { continue }
      try self.removeTree(child, in: raw)
    }
  }

  private static func failure(_ name: [CChar]) -> SystemError {
    let code = errno
    let text = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return SystemError(call: "remove(\(text))", errno: code)
  }
}
