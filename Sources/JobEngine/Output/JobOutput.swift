import Linux

/// A job's output as an asynchronous sequence; each iteration reads for itself.
///
/// With `follow` it ends when the job has finished and its last byte was given out, and never before;
/// without, at what is there now. The last element is `.end`.
public struct JobOutput: AsyncSequence, Sendable {
  /// What an iteration yields.
  public typealias Element = OutputEvent

  let worker: Worker
  let job: Job
  let position: UInt64?
  let view: OutputView
  let follow: Bool

  /// Starts a reading.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(follower: OutputFollower(self))
  }

  /// Reads one event at a time.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let follower: OutputFollower

    /// The next event; nil after the end. Throws `WorkerError`, or `CancellationError`.
    public mutating func next() async throws -> OutputEvent? {
      try await self.follower.next()
    }
  }
}

extension Worker {
  /// A job's output from the first byte, behind `cursor`, or from where `view` begins; with `follow`,
  /// until it has finished.
  public func output(
    of id: JobID, from cursor: Cursor? = nil, view: OutputView = OutputView(), follow: Bool = true
  ) throws(WorkerError) -> JobOutput {
    let job = try self.job(id)
    try view.validate()
    if let cursor, view.tail != nil || view.since != nil {
      throw .invalid("the cursor '\(cursor)' says where to begin: give it without tail and since")
    }
    if let cursor, cursor.job != id {
      throw .invalid("the cursor '\(cursor)' belongs to another job than \(id)")
    }
    return JobOutput(worker: self, job: job, position: cursor?.position, view: view, follow: follow)
  }
}
