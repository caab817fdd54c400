import JobEngine

/// What a role's jobs may ask for. Empty is the least: a user id of the job's own, no network.
package struct JobGrant: Hashable, Sendable {
  /// Users inside, beside the job's own: `root`, `1000`, `1000-1999`, `1000:100`, or `*`.
  var users: Set<String> = []
  /// Networks beside none: `nat`, `host`.
  var networks: Set<String> = []
  /// Absolute paths on the host, or folders with a slash at the end, that a job may be shown.
  var binds: Set<String> = []
  /// Those of them that it may write.
  var writableBinds: Set<String> = []
  /// As `binds`: trees that may be a job's root.
  var rootfs: Set<String> = []
  /// Namespaces that a job may ask for: `user`, in which it is root.
  var namespaces: Set<String> = []
  /// Protections that a job may do without: `seccomp`.
  var without: Set<String> = []
  /// Absolute paths of programs, or of folders with a slash at the end; nil: any program.
  var commands: Set<String>?
  /// Names of variables, or what names begin with and a `*`, that a program may be given; nil: any.
  var environment: Set<String>?
  /// The most of each quantity that one job may have.
  var max: [Cap: Double] = [:]
  /// The most that all unfinished jobs of one owner may have together.
  var total: [Cap: Double] = [:]
  /// How many unfinished jobs an owner may have.
  var jobs: Int?

  /// Everything.
  static let everything: JobGrant = {
    var grant = JobGrant()
    grant.users = ["*"]
    grant.networks = ["host", "nat"]
    grant.binds = ["/"]
    grant.writableBinds = ["/"]
    grant.rootfs = ["/"]
    grant.namespaces = ["user"]
    grant.without = ["seccomp"]
    return grant
  }()

  /// Nothing beyond the job itself; root in a user namespace is an unprivileged user outside.
  static let ownJobs: JobGrant = {
    var grant = JobGrant()
    grant.namespaces = ["user"]
    return grant
  }()

  /// Two roles of one caller add up: every value that one of them allows, and of each bound the
  /// more generous.
  func adding(_ other: JobGrant) -> JobGrant {
    var sum = self
    sum.users.formUnion(other.users)
    sum.networks.formUnion(other.networks)
    sum.binds.formUnion(other.binds)
    sum.writableBinds.formUnion(other.writableBinds)
    sum.rootfs.formUnion(other.rootfs)
    sum.namespaces.formUnion(other.namespaces)
    sum.without.formUnion(other.without)
    sum.commands = self.commands.flatMap { own in other.commands.map { own.union($0) } }
    sum.environment = self.environment.flatMap { own in other.environment.map { own.union($0) } }
    sum.max = Self.wider(self.max, other.max)
    sum.total = Self.wider(self.total, other.total)
    sum.jobs = self.jobs.flatMap { own in other.jobs.map { Swift.max(own, $0) } }
    return sum
  }

  /// A bound that only one of them has is no bound.
  private static func wider(_ one: [Cap: Double], _ two: [Cap: Double]) -> [Cap: Double] {
    var both: [Cap: Double] = [:]
    for (cap, value) in one {
      if let other = two[cap] { both[cap] = Swift.max(value, other) }
    }
    return both
  }

  /// For the engine, which counts while it takes the job in.
  var quota: OwnerQuota? {
    guard self.jobs != nil || !self.total.isEmpty else { return nil }
    var quota = OwnerQuota()
    quota.jobs = self.jobs
    for (cap, value) in self.total { cap.set(value, in: &quota.limits) }
    quota.output = self.total[.output].map { Int64($0) }
    return quota
  }
}
