package import Linux

/// Everything keeper and init do for one job, resolved: they decide nothing themselves.
///
/// Written by the engine, read by the keeper, and handed to init in a sealed memfd. It holds
/// nothing that the job may not know: a root job can read it through /proc/1.
package struct LaunchPlan: Hashable, Sendable {
  /// One mount of the job's tree, done in order after /proc.
  package enum MountStep: Hashable, Sendable {
    /// Shows `source` at `target`, without what is mounted below it; `target` is made if need be.
    case bind(source: String, target: String, readOnly: Bool)
    /// Shows `source` in place of `target`, read-only, if there is one.
    case cover(source: String, target: String)
    /// An empty file system in memory, with the options of tmpfs(5).
    case tmpfs(target: String, options: String)
    /// Makes a file or folder empty, if it is there: an empty read-only folder or /dev/null on it.
    case hide(target: String)
  }

  /// A range of ids outside that the ids from 0 on are inside.
  package struct IDRange: Hashable, Sendable {
    package var first: UInt32
    package var count: UInt32
    package init(first: UInt32, count: UInt32) {
      self.first = first
      self.count = count
    }
  }

  package var jobID: String
  package var command: [String]
  /// `KEY=value`, complete.
  package var environment: [String]
  package var workdir: String
  package var hostname: String
  package var user: Spawn.User
  /// Capabilities that stay in the bounding set (and, for uid 0, in the others), as a bit set.
  package var capabilities: UInt64
  package var resourceLimits: [Spawn.ResourceLimit] = []
  /// False: the host's network.
  package var ownNetwork = true
  /// With it the job's own network has a way out.
  package var outgoing: OutgoingNetwork?
  /// On top of the job's root with its /proc, /sys and /dev.
  package var mounts: [MountStep] = []
  /// The folder that is the job's root; nil: the host's tree, read-only.
  package var rootfs: String?
  package var rootIsReadOnly = false
  /// With it the job has a user namespace, and `user` is meant inside.
  package var idRange: IDRange?
  /// False: no seccomp filter.
  package var deniesSystemCalls = true
  /// The cgroup2 folder to be born in, if the host has cgroup2.
  package var cgroup2: String?
  /// v1 folders to attach to by their `tasks` files.
  package var cgroupsV1: [String] = []
  /// The folders of the cgroup that all jobs of the server are in: the last job takes them away where
  /// the server is gone.
  package var jobsGroup: [String] = []
  /// Files to read at the end, in order: the name they get and the path.
  package var evidence: [ExitRecord.Evidence] = []
  /// Nanoseconds from the start until the job is ended.
  package var timeout: UInt64?
  /// Nanoseconds between the signal and the kill at the timeout.
  package var timeoutGrace: UInt64 = 10_000_000_000
  /// Nanoseconds of processor time after which the job is ended; counted by the file of `evidence`
  /// that has them.
  package var cpuTime: UInt64?
  /// Bytes of a journal segment.
  package var segmentSize: UInt64 = JournalQuota.maxSegment
  /// How much output is kept.
  package var outputQuota = JournalQuota()

  package init(
    jobID: String, command: [String], environment: [String], workdir: String, hostname: String,
    user: Spawn.User, capabilities: UInt64
  ) {
    self.jobID = jobID
    self.command = command
    self.environment = environment
    self.workdir = workdir
    self.hostname = hostname
    self.user = user
    self.capabilities = capabilities
  }
}

extension LaunchPlan {
  /// Whether what was set up for this plan, with a command of no meaning, serves `plan`: the two differ
  /// in the target only, and in file systems in memory that come on top.
  package func canBecome(_ plan: LaunchPlan) -> Bool {
    var same = self
    (same.command, same.environment, same.workdir) = (plan.command, plan.environment, plan.workdir)
    same.user = plan.user
    same.resourceLimits = plan.resourceLimits
    same.deniesSystemCalls = plan.deniesSystemCalls
    (same.evidence, same.timeout, same.cpuTime) = (plan.evidence, plan.timeout, plan.cpuTime)
    same.timeoutGrace = plan.timeoutGrace
    same.mounts = plan.mounts
    guard same == plan, (self.hostUser.uid == 0) == (plan.hostUser.uid == 0) else { return false }
    return plan.mounts.starts(with: self.mounts)
      && plan.mounts.dropFirst(self.mounts.count).allSatisfy { $0.isInMemory }
  }

  /// `user` as the host sees it.
  package var hostUser: Spawn.User {
    guard let range = self.idRange else { return self.user }
    return Spawn.User(uid: range.first + self.user.uid, gid: range.first + self.user.gid)
  }

  package func encoded() -> [UInt8] {
    var fields = Fields()
    fields.append("job", self.jobID)
    fields.append("command", all: self.command)
    fields.append("environment", all: self.environment)
    fields.append("workdir", self.workdir)
    fields.append("hostname", self.hostname)
    fields.append("uid", self.user.uid)
    fields.append("gid", self.user.gid)
    fields.append("group", all: self.user.groups)
    fields.append("capabilities", self.capabilities)
    for limit in self.resourceLimits {
      fields.append("rlimit", limit.resource)
      fields.append("rlimit.soft", limit.soft)
      fields.append("rlimit.hard", limit.hard)
    }
    fields.append("network", self.ownNetwork ? "own" : "host")
    fields.append("network.program", self.outgoing?.program)
    fields.append("network.user", self.outgoing?.user)
    for mount in self.mounts { mount.append(to: &fields) }
    fields.append("rootfs", self.rootfs)
    if self.rootIsReadOnly { fields.append("rootfs.mode", "ro") }
    fields.append("ids.first", self.idRange?.first)
    fields.append("ids.count", self.idRange?.count)
    fields.append("seccomp", self.deniesSystemCalls ? "on" : "off")
    fields.append("cgroup2", self.cgroup2)
    fields.append("cgroup1", all: self.cgroupsV1)
    fields.append("jobs-group", all: self.jobsGroup)
    for evidence in self.evidence {
      fields.append("evidence.name", evidence.name)
      fields.append("evidence", evidence.content)
    }
    fields.append("timeout", self.timeout)
    fields.append("timeout.grace", self.timeoutGrace)
    fields.append("cpu-time", self.cpuTime)
    fields.append("segment", self.segmentSize)
    fields.append("quota", self.outputQuota.bytes)
    fields.append("quota.full", self.outputQuota.whenFull.rawValue)
    return fields.encoded(kind: "launch")
  }

  package init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "launch")
    self.init(
      jobID: fields["job"] ?? "", command: fields.all("command"),
      environment: fields.all("environment"), workdir: fields["workdir"] ?? "/",
      hostname: fields["hostname"] ?? "",
      user: Spawn.User(
        uid: try fields.required("uid"), gid: try fields.required("gid"),
        groups: fields.all("group").compactMap { UInt32($0) }),
      capabilities: try fields.required("capabilities"))
    guard !self.command.isEmpty else { throw .malformed("launch: no command") }
    self.resourceLimits = Self.resourceLimits(fields)
    self.ownNetwork = fields["network"] != "host"
    self.outgoing = try fields["network.program"].map { program throws(StoreError) in
      OutgoingNetwork(program: program, user: try fields.required("network.user"))
    }
    self.mounts = try MountStep.all(in: fields)
    self.rootfs = fields["rootfs"]
    self.rootIsReadOnly = fields["rootfs.mode"] == "ro"
    if let first: UInt32 = fields.number("ids.first") {
      self.idRange = IDRange(first: first, count: try fields.required("ids.count"))
    }
    self.deniesSystemCalls = fields["seccomp"] != "off"
    self.cgroup2 = fields["cgroup2"]
    self.cgroupsV1 = fields.all("cgroup1")
    self.jobsGroup = fields.all("jobs-group")
    self.evidence = zip(fields.all("evidence.name"), fields.all("evidence"))
      .map { ExitRecord.Evidence(name: $0, content: $1) }
    self.timeout = fields.number("timeout")
    self.timeoutGrace = try fields.required("timeout.grace")
    self.cpuTime = fields.number("cpu-time")
    self.segmentSize = try fields.required("segment")
    self.outputQuota = JournalQuota(
      bytes: fields.number("quota"),
      whenFull: fields["quota.full"].flatMap { JournalQuota.WhenFull(rawValue: $0) } ?? .dropOldest)
  }

  private static func resourceLimits(_ fields: Fields) -> [Spawn.ResourceLimit] {
    let numbers = fields.all("rlimit").compactMap { Int32($0) }
    let soft = fields.all("rlimit.soft").compactMap { UInt64($0) }
    let hard = fields.all("rlimit.hard").compactMap { UInt64($0) }
    return zip(numbers, zip(soft, hard)).map {
      Spawn.ResourceLimit(resource: $0, soft: $1.0, hard: $1.1)
    }
  }
}

extension LaunchPlan.MountStep {
  package var target: String {
    switch self {
    case .bind(_, let target, _), .cover(_, let target), .tmpfs(let target, _), .hide(let target):
      target
    }
  }

  fileprivate var isInMemory: Bool {
    guard case .tmpfs = self else { return false }
    return true
  }

  fileprivate func append(to fields: inout Fields) {
    switch self {
    case .bind(let source, let target, let readOnly):
      fields.append("mount", readOnly ? "bind-ro" : "bind")
      fields.append("mount.target", target)
      fields.append("mount.source", source)
    case .tmpfs(let target, let options):
      fields.append("mount", "tmpfs")
      fields.append("mount.target", target)
      fields.append("mount.source", options)
    case .hide(let target):
      fields.append("mount", "hide")
      fields.append("mount.target", target)
      fields.append("mount.source", "")
    case .cover(let source, let target):
      fields.append("mount", "cover")
      fields.append("mount.target", target)
      fields.append("mount.source", source)
    }
  }

  fileprivate static func all(in fields: Fields) throws(StoreError) -> [Self] {
    let targets = fields.all("mount.target")
    let sources = fields.all("mount.source")
    var steps: [Self] = []
    for (kind, (target, source)) in zip(fields.all("mount"), zip(targets, sources)) {
      switch kind {
      case "bind": steps.append(.bind(source: source, target: target, readOnly: false))
      case "bind-ro": steps.append(.bind(source: source, target: target, readOnly: true))
      case "tmpfs": steps.append(.tmpfs(target: target, options: source))
      case "hide": steps.append(.hide(target: target))
      case "cover": steps.append(.cover(source: source, target: target))
      default: throw .malformed("launch: unknown mount '\(kind)'")
      }
    }
    return steps
  }
}
