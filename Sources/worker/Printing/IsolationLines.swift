import JobAPI

/// What separates a job from the host, as pairs of key and value.
struct IsolationLines {
  let pairs: [(String, String)]

  init(_ isolation: Worker_V1_Isolation) {
    let capabilities = isolation.capabilities
    self.pairs =
      [
        ("runs as", isolation.user),
        ("capabilities", capabilities.isEmpty ? "none" : capabilities.joined(separator: " ")),
        ("namespaces", isolation.namespaces.joined(separator: " ")),
        ("root", isolation.root),
      ] + isolation.mounts.map { ("mounts", $0) } + [
        ("reaches", isolation.network),
        ("seccomp", isolation.seccomp),
        ("new privileges", isolation.noNewPrivileges ? "never" : "by set-user-id programs"),
      ]
  }
}
