/// Owns the jobs of one host: starts, stops, shows them and reads their output.
public final class Worker: Sendable {
  /// Opens a state directory: finished jobs are listed, running ones adopted. Only one worker at a
  /// time may have it open.
  public static func open(_ configuration: WorkerConfiguration) async throws(WorkerError) -> Worker
  {
    throw WorkerError(.internal, "not built yet")
  }

  /// Starts a job and answers once its program has been executed, or throws with the step that failed.
  public func start(
    _ spec: JobSpec, owner: String, requestID: String? = nil
  ) async throws(WorkerError) -> JobStatus {
    throw WorkerError(.internal, "not built yet")
  }

  /// Signals a job, kills what is left after `grace`, and answers when it is gone.
  public func stop(
    _ id: JobID, signal: Int32 = 15, grace: Duration = .seconds(10), by identity: String
  ) async throws(WorkerError) -> JobStatus {
    throw WorkerError(.internal, "not built yet")
  }

  /// Signals a job's process group.
  public func signal(_ id: JobID, _ signal: Int32) async throws(WorkerError) {}

  /// What is known of a job now.
  public func status(_ id: JobID) async throws(WorkerError) -> JobStatus {
    throw WorkerError(.internal, "not built yet")
  }

  /// Every job, oldest first.
  public func jobs() -> [JobSummary] { [] }

  /// A job's output from the first byte, or behind `cursor`; with `follow`, until it has finished.
  public func output(
    of id: JobID, from cursor: Cursor? = nil, follow: Bool = true
  ) throws(WorkerError) -> JobOutput {
    throw WorkerError(.internal, "not built yet")
  }

  /// Answers when the job has finished.
  public func wait(_ id: JobID) async throws(WorkerError) -> JobStatus {
    throw WorkerError(.internal, "not built yet")
  }

  /// Forgets a finished job and frees its disk.
  public func remove(_ id: JobID) async throws(WorkerError) {}

  /// Lets go of everything; the jobs keep running.
  public func close() async {}
}

/// A job's output as an asynchronous sequence; each iteration reads for itself.
public struct JobOutput: AsyncSequence, Sendable {
  public typealias Element = OutputEvent
  /// Reads one event at a time.
  public struct AsyncIterator: AsyncIteratorProtocol {
    /// The next event; nil after the end. Throws `WorkerError`, or CancellationError.
    public mutating func next() async throws -> OutputEvent? { nil }
  }
  /// Starts a reading.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
}

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
