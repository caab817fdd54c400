import Glibc
import Linux

/// What a server that has ended left on the host, with its jobs, which ended before.
package enum Leftovers {
  /// A line for each; `state`: its state directory, which must be there still.
  package static func of(server state: String) -> [String] {
    Cgroups.of(server: state) + Processes.holding(state) + Mounts.below(state)
  }
}

/// Processes of the host, by what stands in their command lines.
package enum Processes {
  package static func count(argument: String) -> Int {
    let names = (try? Folder.names(in: File.openFolder("/proc"))) ?? []
    return names.filter { name in
      guard Int32(name) != nil, Int32(name) != getpid() else { return false }
      guard let line = try? File.readText("/proc/\(name)/cmdline") else { return false }
      return line.split(separator: "\0").contains { $0 == argument }
    }.count
  }
}

extension Processes {
  /// Processes that hold something below `path` open, the tests themselves aside.
  package static func holding(_ path: String) -> [String] {
    let names = (try? Folder.names(in: File.openFolder("/proc"))) ?? []
    return names.filter { name in
      guard let pid = Int32(name), pid != getpid() else { return false }
      // A child of the tests that has not executed its program yet has copies of all they hold.
      guard self.link("/proc/\(pid)/exe") != self.link("/proc/self/exe") else { return false }
      guard let folder = try? File.openFolder("/proc/\(pid)/fd"),
        let descriptors = try? Folder.names(in: folder)
      else { return false }
      return descriptors.contains { self.link("/proc/\(pid)/fd/\($0)").hasPrefix(path) }
    }.map { "process \($0)" }
  }

  /// Those that hold something below `path` open.
  package static func holders(of path: String) -> [Int32] {
    self.holding(path).compactMap { Int32($0.dropFirst("process ".count)) }
  }

  /// How many sockets a process has.
  package static func sockets(_ pid: Int32) -> Int {
    guard let folder = try? File.openFolder("/proc/\(pid)/fd"),
      let names = try? Folder.names(in: folder)
    else { return -1 }
    return names.count { self.link("/proc/\(pid)/fd/\($0)").hasPrefix("socket:") }
  }

  /// The letter of proc_pid_stat(5), as `T` for stopped.
  package static func state(_ pid: Int32) -> String? {
    let text = try? File.readText("/proc/\(pid)/stat")
    return text?.split(separator: ")").last?.split(separator: " ").first.map(String.init)
  }

  private static func link(_ path: String) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return String(
      decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Mounts of the host.
package enum Mounts {
  package static func below(_ path: String) -> [String] {
    let text = (try? File.readText("/proc/self/mountinfo")) ?? ""
    return text.split(separator: "\n").map(String.init).filter { $0.contains(path) }
  }
}

/// Control groups of the host.
package enum Cgroups {
  /// Those of a server's jobs, by its state directory, which must be there still.
  package static func of(server state: String) -> [String] {
    guard let id = FileIdentity(ofPath: state)?.text else { return [] }
    return self.of(job: "worker-jobs-\(id)")
  }

  /// The paths of groups whose name holds a job's id.
  package static func of(job id: String) -> [String] {
    var found: [String] = []
    self.walk("/sys/fs/cgroup", depth: 6) { if $0.contains(id) { found.append($0) } }
    return found
  }

  private static func walk(_ path: String, depth: Int, _ visit: (String) -> Void) {
    guard depth > 0, let folder = try? File.openFolder(path),
      let names = try? Folder.names(in: folder)
    else { return }
    for name in names {
      let child = "\(path)/\(name)"
      var status = stat()
      guard lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
      visit(child)
      self.walk(child, depth: depth - 1, visit)
    }
  }
}
