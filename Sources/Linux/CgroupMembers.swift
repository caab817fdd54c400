import Glibc

/// Ending what is in groups that cannot do it themselves: v1, and cgroup2 before 5.14.
extension CgroupFolder {
  /// Kills every process in the groups of one job; they may still be dying after it.
  package static func killMembers(of folders: [String]) {
    // What is frozen cannot fork while we go through it.
    let freezer = folders.lazy.map { "\($0)/freezer.state" }.first(where: File.exists(path:))
    if let freezer { try? File.writeText("FROZEN", to: freezer) }  // without it: as good as can be
    for folder in folders { self.killEach(in: folder) }
    if let freezer { try? File.writeText("THAWED", to: freezer) }  // a frozen process cannot die
  }

  /// Waits until no process is left in them, for `milliseconds` at most. v1 tells nobody when a group
  /// is empty: its processes are waited for one by one.
  package static func waitForMembers(of folders: [String], milliseconds: Int64) {
    let end = Clock.boot() + milliseconds * 1_000_000
    while let pid = folders.flatMap({ self.members(of: $0) }).first {
      let left = (end - Clock.boot()) / 1_000_000
      guard left > 0 else { return }
      guard let process = try? PIDFD(process: pid) else { continue }  // just gone: look again
      var entries = [
        pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      ]
      try? Poll.wait(&entries, milliseconds: left)  // what is left shows when the folders stay
    }
  }

  private static func killEach(in folder: String) {
    for pid in self.members(of: folder) {
      // A number may have come to mean another process before it was opened; after that it cannot.
      guard let process = try? PIDFD(process: pid), self.members(of: folder).contains(pid)
      else { continue }
      try? process.signal(SIGKILL)  // gone already: all the better
    }
  }

  private static func members(of folder: String) -> [Int32] {
    // No such folder: it was removed already, and so nobody is in it.
    let text = (try? File.readText("\(folder)/cgroup.procs")) ?? ""
    return text.split(separator: "\n").compactMap { Int32($0) }
  }
}
