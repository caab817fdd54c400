import JobStore

/// What separates a job from the host and from other jobs, in words.
public struct Isolation: Hashable, Sendable {
  /// As `uid 2013265920, gid 2013265920, of its own`.
  public var user: String
  /// As in capabilities(7) without `cap_`; empty: none, in no set.
  public var capabilities: [String]
  /// The namespaces(7) of its own.
  public var namespaces: [String]
  /// Where its tree begins.
  public var root: String
  /// What is mounted there.
  public var mounts: [String]
  /// What it can reach.
  public var network: String
  /// The system calls it may not make.
  public var seccomp: String
  /// no_new_privs: no program gives it more.
  public var noNewPrivileges = true

  /// What a job gets that asks for `spec` and runs with these ids outside.
  public init(_ spec: JobSpec, uid: UInt32, gid: UInt32) {
    self.init(spec, isRoot: uid == 0, user: Self.user(spec, uid, gid))
  }

  /// What a job would get that asks for `spec`, before it has ids of its own.
  init(planned spec: JobSpec, user: ResolvedUser?) {
    if let user {
      self.init(spec, uid: user.uid, gid: user.gid)
    } else {
      let what = "an unprivileged uid and gid of its own, given at the start"
      self.init(
        spec, isRoot: false, user: spec.hasUserNamespace ? "root inside; outside \(what)" : what)
    }
  }

  private init(_ spec: JobSpec, isRoot: Bool, user: String) {
    self.user = user
    self.capabilities =
      isRoot || spec.hasUserNamespace
      ? ResolvedUser.rootCapabilities(for: spec).compactMap { Self.capabilityNames[$0] } : []
    self.namespaces = ["pid", "mount", "uts", "ipc", "cgroup"]
    if spec.network != .host { self.namespaces.append("network") }
    if spec.hasUserNamespace { self.namespaces.append("user") }
    self.root = Self.root(spec)
    self.mounts = Self.mounts(spec)
    self.network = Self.network(spec)
    self.seccomp =
      spec.deniesSystemCalls
      ? "on: no namespaces, mounts, modules, bpf, perf, io_uring, keyrings, 32-bit calls and the like"
      : "off"
  }

  private static func user(_ spec: JobSpec, _ uid: UInt32, _ gid: UInt32) -> String {
    if spec.hasUserNamespace {
      let last = uid + IDBlocks.size - 1
      return "root inside; uid \(uid) outside, ids 0-65535 are \(uid)-\(last)"
    }
    return "uid \(uid), gid \(gid)" + (spec.user == .own ? ", of its own" : "")
  }

  private static func network(_ spec: JobSpec) -> String {
    switch spec.network {
    case .none: "nothing: a loopback interface of its own"
    case .host: "the host's network"
    case .nat:
      "what the host reaches, but for the host's loopback; nobody reaches it; its own address "
        + "\(OutgoingNetwork.address), name server \(OutgoingNetwork.nameServer)"
    }
  }

  private static func root(_ spec: JobSpec) -> String {
    guard let rootfs = spec.rootfs else { return "the host's tree, read-only" }
    return "\(rootfs), \(spec.isReadOnly ? "read-only" : "writable")"
  }

  private static func mounts(_ spec: JobSpec) -> [String] {
    var lines = [
      "/tmp and /var/tmp of its own, /dev and /dev/shm of its own, /proc of its own processes, "
        + "/sys read-only without cgroups"
    ]
    if spec.rootfs == nil {
      lines.append(
        "not there: the server's state and certificates, /run"
          + (spec.user == .own ? ", /home, /root" : ""))
    }
    for mount in spec.tmpfs {
      lines.append("\(mount.destination): tmpfs" + (mount.size.map { " of \($0) bytes" } ?? ""))
    }
    for bind in spec.binds {
      let mode = bind.isWritable ? "writable" : "read-only"
      lines.append("\(bind.destination): \(bind.source) of the host, \(mode)")
    }
    return lines
  }

  private static let capabilityNames: [UInt64: String] = [
    0: "chown", 1: "dac_override", 3: "fowner", 4: "fsetid", 5: "kill", 6: "setgid", 7: "setuid",
    8: "setpcap", 10: "net_bind_service", 13: "net_raw", 18: "sys_chroot", 29: "audit_write",
    31: "setfcap",
  ]
}

extension JobStatus {
  /// What separates it from the host.
  public var isolation: Isolation { Isolation(self.spec, uid: self.uid, gid: self.gid) }
}
