import GRPCCore
import JobAPI
import Linux

/// How large a spec may be. Checked before anything is made of it, as loops that serve others do that.
extension Worker_V1_JobSpec {
  /// What a job takes in an answer has to leave room in a message of 4 MiB.
  private static let maximumBytes = 1 << 20
  /// Many and short they cost far more than their bytes: the digest sorts them.
  private static let maximumEntries = 4096
  /// Up to here a digest takes about as long as the rest of a call.
  private static let quickBytes = 64 << 10
  private static let threads = BlockingThreads(name: "digest", count: 1)

  /// The bytes that its texts take.
  @discardableResult
  func checkSize() throws(RPCError) -> Int {
    try self.checkEntries()
    let pairs = [self.environment, self.labels].joined()
    let places =
      self.binds.flatMap { [$0.source, $0.destination] } + self.tmpfs.map(\.destination)
      + [self.workingDirectory, self.user, self.rootfs, self.limits.cpuset]
    let bytes =
      places.reduce(0) { $0 + $1.utf8.count } + self.command.reduce(0) { $0 + $1.utf8.count + 1 }
      + pairs.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 }
    guard bytes > Self.maximumBytes else { return bytes }
    throw RPCError(
      code: .invalidArgument,
      message: "command, environment, labels and mounts take \(bytes) bytes together: at most "
        + "\(Self.maximumBytes) are possible; give the rest in a file")
  }

  private func checkEntries() throws(RPCError) {
    let count =
      self.environment.count + self.labels.count + self.limits.resources.count + self.binds.count
      + self.tmpfs.count
    guard count > Self.maximumEntries else { return }
    throw RPCError(
      code: .invalidArgument,
      message: "environment, labels, resources and mounts are \(count) together: at most "
        + "\(Self.maximumEntries) are possible")
  }

  /// The digest of a spec that is not too large.
  func checkedDigest() async throws(RPCError) -> String {
    guard try self.checkSize() > Self.quickBytes else { return self.digest }
    return await Self.threads.run { self.digest }
  }
}
