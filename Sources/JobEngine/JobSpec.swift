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
  public enum Network: Hashable, Sendable {
    /// A network namespace with nothing but the loopback interface.
    case none
    /// The host's.
    case host
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
  /// Time after which it is ended.
  public var timeout: Duration?
  /// Its limits.
  public var limits = Limits()
  /// Its network.
  public var network: Network = .none

  /// A job that runs `command` with every default.
  public init(command: [String]) {
    self.command = command
  }
}
