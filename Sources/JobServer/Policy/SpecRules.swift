import JobEngine
import Linux

/// One field of a spec, and what the policy says about its values.
struct SpecRule: Sendable {
  /// The name of the property of `JobSpec`.
  let field: String
  /// The list in the policy file that a refused value would have to be added to.
  let key: String
  /// What the spec asks for that the grant does not hold, in words; nil when all is allowed.
  let refused: @Sendable (JobSpec, JobGrant) -> String?
  /// What is allowed, for `whoami`; nil: anything.
  let allowed: @Sendable (JobGrant) -> [String]?

  /// What somebody with `roles` is told to whom `what` was refused.
  func refusal(of what: String, to roles: String, _ grant: JobGrant) -> String {
    let allowed = self.allowed(grant) ?? []
    guard !allowed.isEmpty else {
      return "\(what) is refused: of '\(self.key)' the policy allows \(roles) none"
    }
    return "\(what) is not among the \(self.key) that the policy allows \(roles) "
      + "(\(allowed.joined(separator: ", ")))"
  }
}

/// Every field of a spec by which a job could reach more than its own: a new one is one line here. A
/// test fails for a field that is neither here, nor a `Cap`, nor named harmless.
enum SpecRules {
  static let all: [SpecRule] = [
    SpecRule(field: "user", key: "users", refused: Self.user) { ["own"] + $0.users.sorted() },
    SpecRule(field: "network", key: "networks", refused: Self.network) {
      ["none"] + $0.networks.sorted()
    },
    SpecRule(field: "binds", key: "binds", refused: Self.bind) { $0.binds.sorted() },
    SpecRule(field: "binds", key: "writableBinds", refused: Self.writableBind) {
      $0.writableBinds.sorted()
    },
    SpecRule(field: "rootfs", key: "rootfs", refused: Self.rootfs) { $0.rootfs.sorted() },
    SpecRule(field: "hasUserNamespace", key: "namespaces", refused: Self.namespace) {
      $0.namespaces.sorted()
    },
    SpecRule(field: "deniesSystemCalls", key: "without", refused: Self.without) {
      $0.without.sorted()
    },
    SpecRule(field: "command", key: "commands", refused: Self.command) { $0.commands?.sorted() },
    SpecRule(field: "binds", key: "commands", refused: Self.cover) { $0.commands?.sorted() },
    SpecRule(field: "environment", key: "environment", refused: Self.variable) {
      $0.environment?.sorted()
    },
  ]

  /// Fields that change nothing but the job itself.
  static let harmless: Set<String> = [
    "name", "labels", "workingDirectory", "tmpfs", "isReadOnly",
    "whenOutputFull",
  ]
  /// Limits that take nothing from others. `bestEffort` is looked at where bounds are.
  static let harmlessLimits: Set<String> = [
    "cpuset", "memoryHigh", "memoryOOMGroup", "resources", "bestEffort",
  ]
  /// Fields that no client sets.
  static let settled: Set<String> = ["isHostUser", "outputQuotaBound"]
  /// Fields that are `Cap`s.
  static let bounded: Set<String> = ["limits", "timeout", "cpuTime", "outputQuota"]

  private static let user: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    switch spec.user {
    case .own: return nil
    case .named(let name):
      return grant.users.contains("*") || grant.users.contains(name)
        ? nil : "the user '\(name)' (--user)"
    case .ids(let uid, let gid):
      let text = gid.map { "\(uid):\($0)" } ?? "\(uid)"
      return Self.allows(uid, gid, text, grant.users) ? nil : "the user \(text) (--user)"
    }
  }

  /// A group that was named has to be listed with its user: `1000:0` is the group root.
  private static func allows(
    _ uid: UInt32, _ gid: UInt32?, _ text: String, _ users: Set<String>
  ) -> Bool {
    if users.contains("*") || users.contains(text) { return true }
    guard gid == nil else { return false }
    return users.contains { PolicyUsers.range($0)?.contains(uid) == true }
  }

  private static let network: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    let name: String
    switch spec.network {
    case .none: return nil
    case .host: name = "host"
    case .nat: name = "nat"
    }
    return grant.networks.contains(name) ? nil : "the network '\(name)' (--net)"
  }

  private static let bind: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    // What may be written may be read.
    let allowed = grant.binds.union(grant.writableBinds)
    return spec.binds.first { !PolicyPaths.allows($0.source, allowed) }
      .map { "the host's '\($0.source)' (--bind)" }
  }

  private static let writableBind: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    spec.binds.first { $0.isWritable && !PolicyPaths.allows($0.source, grant.writableBinds) }
      .map { "writing the host's '\($0.source)' (--bind)" }
  }

  private static let rootfs: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    guard let path = spec.rootfs, !PolicyPaths.allows(path, grant.rootfs) else { return nil }
    return "the tree '\(path)' (--rootfs)"
  }

  private static let namespace: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    !spec.hasUserNamespace || grant.namespaces.contains("user")
      ? nil : "a user namespace (--userns)"
  }

  private static let without: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    spec.deniesSystemCalls || grant.without.contains("seccomp")
      ? nil : "going without seccomp (--seccomp off)"
  }

  private static let command: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    guard let commands = grant.commands, let program = spec.command.first else { return nil }
    return PolicyPaths.allows(program, commands) ? nil : "the program '\(program)'"
  }

  /// Another program under the name of one that is allowed, or another library in it.
  private static let cover: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    guard let commands = grant.commands, !spec.binds.isEmpty else { return nil }
    // A program may be listed by a link, and no mount goes to where one leads, but to the place itself.
    let places = commands.compactMap { try? File.realPath($0) }
    let programs = commands.union(places).union(Self.system)
    return spec.binds.first { bind in
      programs.contains { PolicyPaths.overlap($0, bind.destination) }
    }
    .map { "a file of the host over '\($0.destination)' (--bind)" }
  }

  private static let system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc"]

  private static let variable: @Sendable (JobSpec, JobGrant) -> String? = { spec, grant in
    guard let allowed = grant.environment else { return nil }
    return spec.environment.keys.sorted().first { !PolicyVariables.allows($0, allowed) }
      .map { "the variable \($0) (--env)" }
  }
}

/// Variables of the environment in a policy.
enum PolicyVariables {
  /// Where only some programs are allowed. Many a program takes code to run, or where it lies, from a
  /// variable (ld.so(8), BASH_ENV, PYTHONPATH, GCONV_PATH, PATH): no list of those is ever whole.
  static let usual: Set<String> = ["LANG", "LC_*", "TZ", "TERM", "NO_COLOR"]

  static func allows(_ name: String, _ list: Set<String>) -> Bool {
    list.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : name == $0 }
  }
}

/// Users in a policy.
enum PolicyUsers {
  /// `1000-1999`; nil for what is no range.
  static func range(_ text: String) -> ClosedRange<UInt32>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let low = UInt32(parts[0]), let high = UInt32(parts[1]), low <= high
    else { return nil }
    return low...high
  }
}

/// Paths in a policy: a file by its own name, or with a slash at the end all below a folder.
enum PolicyPaths {
  static func allows(_ path: String, _ list: Set<String>) -> Bool {
    guard self.isPlain(path) else { return false }
    return list.contains(path)
      || list.contains { $0.hasSuffix("/") && (path + "/").hasPrefix($0) }
  }

  /// Whether one of two paths is the other, or lies below it.
  static func overlap(_ one: String, _ two: String) -> Bool {
    let (one, two) = (self.folder(one), self.folder(two))
    return one.hasPrefix(two) || two.hasPrefix(one)
  }

  private static func folder(_ path: String) -> String { path.hasSuffix("/") ? path : path + "/" }

  /// Absolute, and without the parts that would lead out of a folder again.
  static func isPlain(_ path: String) -> Bool {
    guard path.hasPrefix("/"), !path.utf8.contains(0) else { return false }
    let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return !parts.dropLast().contains("") && !parts.contains(".") && !parts.contains("..")
  }
}
