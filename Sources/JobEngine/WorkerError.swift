/// Why the engine could not do what was asked.
public struct WorkerError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of refusals, each with what a caller may do about it.
  public enum Code: Hashable, Sendable {
    /// The request itself is wrong: change it.
    case invalidArgument
    /// No such job.
    case notFound
    /// The job's state or this host does not allow it.
    case failedPrecondition
    /// A limit of the worker's is reached: wait or free something.
    case resourceExhausted
    /// A cursor outside the output.
    case outOfRange
    /// Output on disk that fails its checksum.
    case dataLoss
    /// The name is taken by an unfinished job.
    case alreadyExists
    /// The worker is closing.
    case unavailable
    /// The caller was cancelled. What was under way goes on.
    case cancelled
    /// The start was given up: somebody stopped the job, or its keeper died.
    case aborted
    /// The program could not be executed: `exec /no/such: No such file or directory`.
    case startFailed
    /// Something that should not happen: see the message.
    case `internal`
  }

  /// The kind of refusal.
  public var code: Code
  /// Lower case, with the value that was wrong and what to do.
  public var message: String
  /// For `startFailed`: the step that failed, as `exec`, and its errno.
  public var step: String?
  /// The errno of the failed step.
  public var errno: Int32?

  /// An error of these parts.
  public init(_ code: Code, _ message: String, step: String? = nil, errno: Int32? = nil) {
    self.code = code
    self.message = message
    self.step = step
    self.errno = errno
  }

  /// The message.
  public var description: String { self.message }
}
