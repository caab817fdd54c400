import Glibc
import JobStore
import Linux

extension Worker {
  /// Signals a job, kills what is left after `grace`, and answers when it is gone. A finished job is
  /// no error. One that is still being started is killed at once, and its start fails. `ordered` is
  /// called once nothing can keep the job from ending, also without this caller.
  public func stop(
    _ id: JobID, signal: Int32 = 15, grace: Duration = .seconds(10), by identity: String,
    ordered: @Sendable () -> Void = {}
  ) async throws(WorkerError) -> JobStatus {
    let job = try self.job(id)
    try Self.validate(signal: signal)
    guard grace >= .zero else { throw .invalid("grace must not be negative, got \(grace)") }
    switch job.state.change({ $0.stop(by: identity) }) {
    case .isOver: break
    case .killKeeper: job.killStartingKeeper()
    case .tellKeeper:
      let message = ControlMessage.stop(
        signal: signal, grace: UInt64(grace.nanoseconds), by: identity)
      try await self.tell(job, message)
      job.state.change { $0.stopping() }
    }
    ordered()
    try await job.waitUntilOver()
    return job.status()
  }

  /// Signals a job's process group; a paused job gets it when it is resumed, and KILL (9) at once.
  public func signal(
    _ id: JobID, _ signal: Int32, by identity: String = ""
  ) async throws(WorkerError) {
    let job = try self.job(id)
    try Self.validate(signal: signal)
    if job.state.value.phase == .starting { try await job.waitUntilStarted() }
    guard !job.state.value.isOver else {
      throw WorkerError(.failedPrecondition, "job \(id) has finished: there is nothing to signal")
    }
    try await self.tell(job, .signal(signal, by: identity))
  }

  private static func validate(signal: Int32) throws(WorkerError) {
    guard Signal(number: signal) != nil else {
      throw .invalid("a signal must be a number from 1 to 64, got \(signal)")
    }
  }

  func tell(_ job: Job, _ message: ControlMessage) async throws(WorkerError) {
    let state = self.state
    do throws(SystemError) {
      try await Self.threads.run { () throws(SystemError) in
        let folder = try state.open(job.id)
        let control = try File.open(JobDirectory.control, in: folder, O_WRONLY | O_NONBLOCK)
        try File.writeAll(message.encoded(), to: control)
        guard case .stop = message else { return }
        // A full disk is no reason to let it run: the next worker shows it as running, no more.
        _ = try? File.open(JobDirectory.stopping, in: folder, O_WRONLY | O_CREAT)
      }
    } catch {
      // Nobody has the other end open: the keeper is gone, and the job's end is being written down
      // at this moment; or it is one that the worker before us started and that is not as far yet.
      if [ENXIO, EPIPE, ENOENT].contains(error.errno) {
        if job.state.value.start != nil { return }
        throw WorkerError(
          .unavailable, "the keeper of job \(job.id) takes no orders yet: try again")
      }
      // PIPE_BUF: an order is taken whole or not at all.
      if error.errno == EAGAIN {
        throw WorkerError(
          .resourceExhausted, "job \(job.id) has been given more orders than it takes: try again")
      }
      throw WorkerError(.internal, "cannot reach the keeper of job \(job.id): \(error)")
    }
  }
}
