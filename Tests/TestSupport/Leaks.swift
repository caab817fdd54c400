import Glibc
import Linux

/// What a process and its host hold, counted before and after a test.
package struct Holdings: Hashable, Sendable, CustomStringConvertible {
  package let descriptors: Int
  package let threads: Int
  package let mounts: Int
  package let children: Int

  /// As it is now.
  package static func now() throws -> Holdings {
    // The listing holds one descriptor itself.
    let descriptors = try Self.names("/proc/self/fd").count - 1
    let tasks = try Self.names("/proc/self/task")
    let children = try tasks.map { task in
      try File.readText("/proc/self/task/\(task)/children").split(separator: " ").count
    }.reduce(0, +)
    let mounts = try File.readText("/proc/self/mounts").split(separator: "\n").count
    return Holdings(
      descriptors: descriptors, threads: tasks.count, mounts: mounts, children: children)
  }

  package var description: String {
    "\(self.descriptors) descriptors, \(self.threads) threads, \(self.mounts) mounts, "
      + "\(self.children) children"
  }

  /// Paths of cgroups that carry a job's id.
  package static func cgroups(of id: String) -> [String] {
    self.folders(in: "/sys/fs/cgroup", depth: 6).filter { $0.contains(id) }
  }

  private static func names(_ path: String) throws -> [String] {
    try Folder.names(in: File.openFolder(path))
  }

  private static func folders(in path: String, depth: Int) -> [String] {
    guard depth > 0, let names = try? self.names(path) else { return [] }
    return names.flatMap { name -> [String] in
      let child = "\(path)/\(name)"
      var status = stat()
      guard lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [] }
      return [child] + self.folders(in: child, depth: depth - 1)
    }
  }
}
