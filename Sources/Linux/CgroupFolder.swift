import Glibc

/// A cgroup's folder: its files cannot be removed and need not be, its sub-groups must go first.
package enum CgroupFolder {
  /// Removes the group; false while a process is left in it. No such group is fine.
  @discardableResult
  package static func remove(_ path: String) -> Bool {
    if rmdir(path) == 0 || errno == ENOENT { return true }
    guard let folder = try? File.openFolder(path), let names = try? Folder.names(in: folder)
    else { return false }
    for name in names where self.isFolder("\(path)/\(name)") { self.remove("\(path)/\(name)") }
    return rmdir(path) == 0 || errno == ENOENT
  }

  /// Waits until no process is left below a cgroup2 group, for `milliseconds` at most.
  ///
  /// cgroups(7): a change of `cgroup.events` is reported by poll(2) as POLLPRI.
  package static func waitUntilEmpty(_ path: String, milliseconds: Int64) {
    guard let events = try? File.open("\(path)/cgroup.events", O_RDONLY) else { return }
    let end = Clock.boot() + milliseconds * 1_000_000
    while !self.isEmpty(events) {
      let left = (end - Clock.boot()) / 1_000_000
      var entries = [pollfd(fd: events.rawValue, events: Int16(POLLPRI), revents: 0)]
      guard left > 0, (try? Poll.wait(&entries, milliseconds: left)) != nil else { return }
    }
  }

  private static func isEmpty(_ events: borrowing OwnedDescriptor) -> Bool {
    lseek(events.rawValue, 0, SEEK_SET)
    // It cannot be read any more: the group is gone.
    guard let bytes = try? File.readAll(events) else { return true }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains("populated 0")
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
