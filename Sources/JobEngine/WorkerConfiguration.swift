/// Where a worker keeps and finds things.
public struct WorkerConfiguration: Sendable {
  /// The state directory; made (0700) when missing.
  public var stateDirectory: String
  /// The cgroup below which jobs get theirs: a mounted cgroup2 folder, or nil to find it.
  public var cgroupRoot: String?
  /// Paths a job must not see, besides the state directory: certificates.
  public var hiddenPaths: [String] = []
  /// The program that holds the roles keeper and PID 1.
  public var program: String = "/proc/self/exe"
  /// User ids given to jobs without a user of their own, see systemd's DynamicUser.
  public var userIDs: ClosedRange<UInt32> = 61184...65519

  /// A worker that keeps its state in `stateDirectory`.
  public init(stateDirectory: String) {
    self.stateDirectory = stateDirectory
  }
}
