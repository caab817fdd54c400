/// Where a worker keeps and finds things.
public struct WorkerConfiguration: Sendable {
  /// The state directory; made (0700) when missing.
  public var stateDirectory: String
  /// The cgroup below which jobs get theirs: a mounted cgroup2 folder, or nil to find it.
  public var cgroupRoot: String?
  /// Folders a job must not see, besides the state directory: certificates. Not single files: what
  /// hides one is gone, in jobs that run, as soon as the host renames another file into its place.
  public var hiddenPaths: [String] = []
  /// Bytes of output that are kept of a job that does not say how many.
  public var defaultOutputQuota: Int64 = 4 << 30
  /// The most that a job may ask for; nil: as much as it likes.
  public var maxOutputQuota: Int64?
  /// The program that holds the roles keeper and PID 1.
  public var program: String = "/proc/self/exe"
  /// User and group ids given to jobs without a user of their own, in turn.
  ///
  /// By default ids that no allocator hands out: above people, subuid(5), systemd's containers
  /// (524288-1879048191) and the ids that directory services map to (up to 2000200000), below
  /// systemd's foreign ids (2147352576) and the numbers that 32-bit signed programs take for
  /// negative. They are no user's, so what is left of one belongs to nobody.
  public var userIDs: ClosedRange<UInt32> = 0x7800_0000...0x7800_ffff

  /// Of these, jobs with a user namespace get 65536 each, in turn; above `userIDs`.
  public var namespaceIDs: ClosedRange<UInt32> = 0x7801_0000...0x7ffd_ffff
  /// Where pasta(1) may lie, which carries the connections of jobs with the network `nat` out.
  public var networkProgramFolders = ["/usr/local/bin", "/usr/bin", "/bin"]
  /// How long finished jobs are kept.
  public var retention = Retention.unlimited
  /// Told of every job that was forgotten because of `retention`.
  public var onExpired: @Sendable (JobSummary) -> Void = { _ in }

  /// What all unfinished jobs may have together; nothing is bounded by default.
  public var totals = HostTotals()

  /// A worker that keeps its state in `stateDirectory`.
  public init(stateDirectory: String) {
    self.stateDirectory = stateDirectory
  }
}

extension WorkerConfiguration {
  /// Throws where it leaves no room for any job.
  func validate() throws(WorkerError) {
    guard !self.stateDirectory.isEmpty else {
      throw .invalid("a state directory must be named, got ''")
    }
    try self.totals.validate()
    let quotas = [
      ("output-quota", self.defaultOutputQuota), ("output-quota-max", self.maxOutputQuota ?? .max),
    ]
    for (name, quota) in quotas where quota < JobSpec.leastOutput {
      throw .invalid(
        "\(name) must be at least \(JobSpec.leastOutput) bytes (256 KiB), got \(quota)")
    }
  }
}
