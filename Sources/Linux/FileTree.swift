import CLinux
import Glibc

/// A tree of files in which paths are looked up without ever leaving it, see openat2(2).
package struct FileTree: ~Copyable {
  package let root: OwnedDescriptor
  /// False: a path with a symbolic link in it is refused (ELOOP), for trees that others can write.
  private let followsLinks: Bool

  package init(root: consuming OwnedDescriptor, followsLinks: Bool) {
    self.root = root
    self.followsLinks = followsLinks
  }

  /// The file or folder at `path`, without access to what is in it; a link at its end is followed or
  /// refused, as all others.
  package func place(_ path: String) throws(SystemError) -> OwnedDescriptor {
    try self.place(path, followsLinks: true)
  }

  private func place(
    _ path: String, followsLinks: Bool
  ) throws(SystemError) -> OwnedDescriptor {
    let raw = self.root.rawValue
    let followsLinks = followsLinks && self.followsLinks
    let links = followsLinks ? 0 : CLINUX_RESOLVE_NO_SYMLINKS
    let resolve = CLINUX_RESOLVE_IN_ROOT | CLINUX_RESOLVE_NO_MAGICLINKS | links
    return OwnedDescriptor(
      owning: try check(
        followsLinks ? path : "\(path) (no link is followed here: name the place itself)"
      ) {
        clinux_openat2(raw, path, OpenFlags.path, UInt64(resolve))
      })
  }

  /// As `place`; a folder, or a file when `isFile`, is made where there is nothing. ENOTDIR or EISDIR where
  /// the other is.
  package func placeOrNew(
    _ path: String, isFile: Bool, followsLinks: Bool = true
  ) throws(SystemError) -> OwnedDescriptor {
    let place = try self.anyPlaceOrNew(path, isFile: isFile, followsLinks: followsLinks)
    guard try HostPath.isFolder(place) == isFile else { return place }
    throw SystemError(
      call: "\(path), which must \(isFile ? "not be" : "be") a folder",
      errno: isFile ? EISDIR : ENOTDIR)
  }

  private func anyPlaceOrNew(
    _ path: String, isFile: Bool, followsLinks: Bool
  ) throws(SystemError) -> OwnedDescriptor {
    do throws(SystemError) { return try self.place(path, followsLinks: followsLinks) } catch {
      guard error.errno == ENOENT else { throw error }
    }
    let parts = path.split(separator: "/").map(String.init)
    var made = ""
    for (index, part) in parts.enumerated() {
      let parent = try self.place(made.isEmpty ? "/" : made, followsLinks: followsLinks)
      made += "/" + part
      try self.make(part, in: parent, isFile: isFile && index == parts.count - 1, path: made)
    }
    return try self.place(path, followsLinks: followsLinks)
  }

  /// The content of a regular file; EINVAL for anything else, which could block or never end.
  package func readText(_ path: String, limit: Int) throws(SystemError) -> String {
    let raw = self.root.rawValue
    let resolve = CLINUX_RESOLVE_IN_ROOT | CLINUX_RESOLVE_NO_MAGICLINKS | CLINUX_RESOLVE_NO_SYMLINKS
    let file = OwnedDescriptor(
      owning: try check("open(\(path))") {
        clinux_openat2(raw, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, UInt64(resolve))
      })
    var status = stat()
    let descriptor = file.rawValue
    try check("fstat(\(path))") { fstat(descriptor, &status) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open(\(path))", errno: EINVAL)
    }
    return String(decoding: try File.readAll(file, limit: limit), as: UTF8.self)
  }

  private func make(
    _ name: String, in parent: borrowing OwnedDescriptor, isFile: Bool, path: String
  ) throws(SystemError) {
    let raw = parent.rawValue
    let result =
      isFile
      ? mknodat(raw, name, S_IFREG | 0o644, 0) : mkdirat(raw, name, 0o755)
    guard result != 0, errno != EEXIST else { return }
    throw SystemError(
      call: "\(path), which is not in the job's tree and cannot be made there", errno: errno)
  }
}

/// Places of the host that somebody named.
package enum HostPath {
  /// The place itself: a link anywhere on the way is refused (ELOOP), so that it cannot lead elsewhere.
  package static func open(_ path: String) throws(SystemError) -> OwnedDescriptor {
    let resolve = CLINUX_RESOLVE_NO_SYMLINKS | CLINUX_RESOLVE_NO_MAGICLINKS
    return OwnedDescriptor(
      owning: try check("open(\(path))") {
        clinux_openat2(AT_FDCWD, path, OpenFlags.path, UInt64(resolve))
      })
  }

  package static func isFolder(_ place: borrowing OwnedDescriptor) throws(SystemError) -> Bool {
    let raw = place.rawValue
    var status = stat()
    try check("fstat") { fstat(raw, &status) }
    return status.st_mode & S_IFMT == S_IFDIR
  }
}
