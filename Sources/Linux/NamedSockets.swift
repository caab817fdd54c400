/// Sockets with a name in the file system, see unix(7).
package enum NamedSockets {
  /// The names as they were bound, of all in this process's network namespace; abstract ones have none.
  package static func bound() throws(SystemError) -> [String] {
    self.parse(try File.readText("/proc/self/net/unix", limit: 64 << 20))
  }

  /// Of proc_pid_net(5); a name may hold anything, so what is found need not be one.
  package static func parse(_ text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 7)
      guard fields.count == 8, fields[7].hasPrefix("/") else { return nil }
      return String(fields[7])
    }
  }
}
