/// What a worker must be allowed to start jobs at all, see capabilities(7).
enum Privileges {
  private static let needed: [(number: Int, name: String, use: String)] = [
    (0, "CAP_CHOWN", "files for a job's user"),
    (1, "CAP_DAC_OVERRIDE", "the cgroup tree, and the files that jobs leave"),
    (3, "CAP_FOWNER", "removal of what jobs leave in sticky folders"),
    (5, "CAP_KILL", "signals to jobs"),
    (6, "CAP_SETGID", "change of group"),
    (7, "CAP_SETUID", "change of user"),
    (8, "CAP_SETPCAP", "taking capabilities from jobs"),
    (12, "CAP_NET_ADMIN", "a job's own network"),
    (21, "CAP_SYS_ADMIN", "namespaces and mounts"),
    (27, "CAP_MKNOD", "a job's own /dev"),
  ]

  /// What is missing, and what for; nil when nothing is.
  ///
  /// Root, as keeper and PID 1 are executed anew: execve(2) takes the capabilities of anybody else.
  static func problem(uid: UInt32, has: (Int) -> Bool) -> String? {
    let missing = self.needed.filter { !has($0.number) }.map { "\($0.name) (\($0.use))" }
    guard uid == 0 else {
      let what =
        missing.isEmpty
        ? "its capabilities would not be passed on to the jobs' keepers"
        : "missing are \(missing.joined(separator: ", "))"
      return "jobs need root, and this worker runs as uid \(uid): \(what); start it as root"
    }
    guard !missing.isEmpty else { return nil }
    return "jobs need capabilities that this worker does not have, though it runs as root: "
      + "\(missing.joined(separator: ", ")); give it these"
  }
}
