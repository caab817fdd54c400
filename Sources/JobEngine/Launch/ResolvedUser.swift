import Linux

/// Whom a job runs as, in numbers, and what that user calls home.
struct ResolvedUser: Hashable, Sendable {
  var uid: UInt32
  var gid: UInt32
  var groups: [UInt32] = []
  var name: String
  var home: String
  /// In no user database, and given to this job alone.
  var isOwn = false
  /// Root inside; the ids here are those outside.
  var isNamespaceRoot = false

  /// Whether the job sees a passwd(5) with this user in it: he is in none of the host's.
  var hasAccountFiles: Bool { self.isOwn && !self.isNamespaceRoot }

  /// An unprivileged user of the job's own, who is in no database and owns nothing but the job's
  /// working folder.
  static func own(_ uid: UInt32) -> ResolvedUser {
    var user = ResolvedUser(uid: uid, gid: uid, name: "job", home: JobFolders.work)
    user.isOwn = true
    return user
  }

  /// The job's own, as the record has it.
  static func own(by record: JobRecord) -> ResolvedUser {
    guard record.spec.hasUserNamespace else { return self.own(record.uid) }
    return self.root(first: record.uid, hasRootfs: record.spec.rootfs != nil)
  }

  /// Root of a user namespace whose ids begin at `first` outside.
  static func root(first: UInt32, hasRootfs: Bool) -> ResolvedUser {
    var user = ResolvedUser(
      uid: first, gid: first, name: "root", home: hasRootfs ? "/root" : JobFolders.work)
    user.isOwn = true
    user.isNamespaceRoot = true
    return user
  }

  /// A user of the host; nil for `.own`.
  static func resolve(
    _ user: JobSpec.User, in database: UserDatabase
  ) throws(WorkerError) -> ResolvedUser? {
    switch user {
    case .own: return nil
    case .named(let name):
      guard let entry = database.user(named: name) else {
        throw WorkerError(
          .invalidArgument, "no such user '\(name)' on this host: name one of its users, or an id",
          step: "user")
      }
      return ResolvedUser(entry, gid: entry.gid, groups: database.groups(of: entry))
    case .ids(let uid, let gid):
      // The number that setresuid(2) takes for "leave it".
      guard uid != .max, gid != .max else { throw .invalid("\(UInt32.max) is no user or group id") }
      guard let entry = database.user(uid: uid) else {
        let gid = gid ?? uid
        return ResolvedUser(uid: uid, gid: gid, groups: [gid], name: "\(uid)", home: "/")
      }
      if let gid { return ResolvedUser(entry, gid: gid, groups: [gid]) }
      return ResolvedUser(entry, gid: entry.gid, groups: database.groups(of: entry))
    }
  }

  /// Ids that jobs are given: what a job left with one belongs to its owner alone.
  func checkIDs(_ configuration: WorkerConfiguration) throws(WorkerError) {
    for range in [configuration.userIDs, configuration.namespaceIDs] {
      guard let id = ([self.uid, self.gid] + self.groups).first(where: range.contains) else {
        continue
      }
      throw .invalid(
        "the ids \(range.lowerBound) to \(range.upperBound) are given to jobs, got \(id): name a user "
          + "of the host, or leave the user away")
    }
  }

  private init(_ entry: UserDatabase.User, gid: UInt32, groups: [UInt32]) {
    self.init(
      uid: entry.uid, gid: gid, groups: groups, name: entry.name,
      home: entry.home.isEmpty ? "/" : entry.home)
  }

  private init(uid: UInt32, gid: UInt32, groups: [UInt32] = [], name: String, home: String) {
    self.uid = uid
    self.gid = gid
    self.groups = groups
    self.name = name
    self.home = home
  }

  /// capabilities(7) the job may have, as a bit set.
  func capabilities(for spec: JobSpec) -> UInt64 {
    guard self.uid == 0 || self.isNamespaceRoot else { return 0 }
    return Self.rootCapabilities(for: spec).reduce(0) { $0 | 1 << $1 }
  }

  /// Root gets what other tools give a root program that is not the host's administrator; without
  /// CAP_MKNOD, as no job needs a device of its own making. Everybody else gets none.
  static func rootCapabilities(for spec: JobSpec) -> [UInt64] {
    // On the host's network it would read what others send, and on one with a way out get past what
    // is closed to it.
    self.rootCapabilities.filter { $0 != self.netRaw || spec.network == .none }
  }

  /// chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
  /// sys_chroot, audit_write, setfcap.
  private static let rootCapabilities: [UInt64] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31]
  private static let netRaw: UInt64 = 13
}
