/// What was asked: a command with its surroundings and limits.
public struct JobSpec: Hashable, Sendable {
  /// Whom the job runs as.
  public enum User: Hashable, Sendable {
    /// An unprivileged user id of the job's own, taken from a range while it runs.
    case own
    /// A name of the host's user database, with its group and supplementary groups.
    case named(String)
    /// Ids as they are; `gid` defaults to the user's group or to the same number.
    case ids(uid: UInt32, gid: UInt32?)
  }

  /// The network a job sees.
  public enum Network: String, Hashable, Sendable {
    /// A network namespace with nothing but the loopback interface.
    case none
    /// The host's.
    case host
    /// One with a way out and none in, by the host's program pasta.
    case nat
  }

  /// A file or folder of the host in a place of the job's tree.
  public struct Bind: Hashable, Sendable {
    /// On the host: absolute, without links, `.` and `..`.
    public var source: String
    /// In the job's tree.
    public var destination: String
    /// False: read-only.
    public var isWritable: Bool

    /// Shows `source` at `destination`.
    public init(source: String, destination: String, isWritable: Bool = false) {
      self.source = source
      self.destination = destination
      self.isWritable = isWritable
    }
  }

  /// An empty file system in memory.
  public struct Tmpfs: Hashable, Sendable {
    /// In the job's tree.
    public var destination: String
    /// Bytes at most; nil: the memory limit, or 1 GiB.
    public var size: Int64?

    /// An empty file system at `destination`.
    public init(destination: String, size: Int64? = nil) {
      self.destination = destination
      self.size = size
    }
  }

  /// What happens to output for which there is no room.
  public enum WhenOutputFull: Hashable, Sendable, CaseIterable {
    /// The oldest output is dropped; where the disk itself is full, the newest.
    case dropOldest
    /// The job waits until it is ended, or the disk has room again.
    case block
    /// The job is ended.
    case stop
  }

  /// The program and its arguments; the program is looked up in the job's PATH unless it has a slash.
  public var command: [String]
  /// A name, unique among the owner's unfinished jobs.
  public var name: String?
  /// Labels to select by.
  public var labels: [String: String] = [:]
  /// Variables on top of the clean environment.
  public var environment: [String: String] = [:]
  /// An absolute path; nil: the job's own working folder.
  public var workingDirectory: String?
  /// Whom it runs as.
  public var user: User = .own
  /// `user` is one of the host's and nobody else: what the job's own tree says of a name or an id counts
  /// for nothing. Set by whoever lets only some users in.
  public var isHostUser = false
  /// Time after which it is ended.
  public var timeout: Duration?
  /// Processor time, of all its processes together, after which it is ended.
  public var cpuTime: Duration?
  /// Its limits.
  public var limits = Limits()
  /// Its network.
  public var network: Network = .none
  /// Made after `tmpfs`, in order.
  public var binds: [Bind] = []
  /// Made before `binds`, in order.
  public var tmpfs: [Tmpfs] = []
  /// The folder of the host that is its root; nil: the host's tree, read-only.
  public var rootfs: String?
  /// Makes `rootfs` read-only, as the host's tree is without it.
  public var isReadOnly = false
  /// Root inside, an unprivileged range of ids outside.
  public var hasUserNamespace = false
  /// The seccomp filter.
  public var deniesSystemCalls = true
  /// Bytes of output, as they are on disk, that are kept at a time; nil: the worker's default.
  public var outputQuota: Int64?
  /// What that default may be at most, where nothing was asked for; gone once it is settled.
  public var outputQuotaBound: Int64?
  /// What happens when that is full, or the disk.
  public var whenOutputFull: WhenOutputFull = .dropOldest

  /// A job that runs `command` with every default.
  public init(command: [String]) {
    self.command = command
  }
}
