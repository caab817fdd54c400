import Glibc
import JobStore
import Linux

/// One job: what never changes of it, and where it is in its life.
final class Job: Sendable {
  let id: JobID
  let record: JobRecord
  let state: Watched<JobLifecycle>
  /// Only while it starts the job.
  private let startingKeeper = Lock<KeeperProcess?>(nil)

  /// Whether a call waits for the job to freeze, or to go on: one at a time.
  let isFreezing = Watched(false)

  private let readers = Lock(0)
  /// Of its output on disk, once it is finished.
  private let size = Lock<Int64?>(nil)

  init(id: JobID, record: JobRecord, lifecycle: JobLifecycle = JobLifecycle()) {
    self.id = id
    self.record = record
    self.state = Watched(lifecycle)
  }

  /// As last changed, or as asked for.
  var limits: Limits { self.state.value.limits ?? self.record.spec.limits }

  var summary: JobSummary {
    JobSummary(
      id: self.id, name: self.record.spec.name, owner: self.record.owner,
      state: self.state.value.state, createTime: self.record.createTime,
      labels: self.record.spec.labels)
  }

  /// Whether somebody reads its output now.
  var isRead: Bool { self.readers.withLock { $0 > 0 } }

  /// Makes it nobody's, unless somebody reads it: whoever comes to read later is told that it is gone.
  func removeUnread() -> Bool {
    self.readers.withLock { readers in
      readers == 0 && self.state.change { $0.remove() } == .remove
    }
  }

  func readerCame() { self.readers.withLock { $0 += 1 } }

  /// True when that was the last one.
  func readerWent() -> Bool {
    self.readers.withLock { readers in
      readers -= 1
      return readers == 0
    }
  }

  /// The size of its output on disk, measured once.
  func diskBytes(_ measure: () -> Int64) -> Int64 {
    if let known = self.size.withLock({ $0 }) { return known }
    let size = measure()
    self.size.withLock { $0 = size }
    return size
  }

  /// To be called before the keeper's answer is waited for.
  func starts(under keeper: KeeperProcess) {
    self.startingKeeper.withLock { $0 = keeper }
    // Given up before it was here to be killed.
    if self.state.value.abandoned != nil { self.killStartingKeeper() }
  }

  func startEnded() {
    self.startingKeeper.withLock { $0 = nil }
  }

  /// PID 1 and all of the job die with it.
  func killStartingKeeper() {
    let keeper = self.startingKeeper.withLock { $0 }
    try? keeper?.process.signal(SIGKILL)  // ESRCH: it has ended
  }

  func outputChanged() {
    self.state.change { $0.outputChanged() }
  }

  /// Everything known without asking the kernel: use and output of a living job are still missing.
  func status() -> JobStatus {
    let lifecycle = self.state.value
    var spec = self.record.spec
    spec.limits = lifecycle.limits ?? spec.limits
    var status = JobStatus(
      id: self.id, spec: spec, owner: self.record.owner, state: lifecycle.state,
      createTime: self.record.createTime, uid: self.record.uid, gid: self.record.gid)
    status.applied = lifecycle.applied
    status.startTime = lifecycle.start?.time
    if case .failed(let error) = lifecycle.phase {
      status.verdict = Verdict(reason: .startFailed, message: error.message)
      return status
    }
    guard let record = lifecycle.record else {
      status.pid = lifecycle.start?.initProcess.pid
      return status
    }
    status.endTime = record.time
    spec.limits.fill(from: lifecycle.applied)
    status.verdict = Verdict(
      record, spec: spec, startTime: lifecycle.start?.time)
    status.usage = Usage(record.evidence)
    // What was in use when the last process went means nothing now.
    status.usage.memoryBytes = 0
    status.usage.pids = 0
    status.outputBytes = Int64(clamping: record.output.total)
    return status
  }

  /// Returns once the job is over; throws when the worker closes or the caller is cancelled first.
  func waitUntilOver() async throws(WorkerError) {
    try await self.wait { $0.isOver }
  }

  /// Returns once the job is past its start.
  func waitUntilStarted() async throws(WorkerError) {
    try await self.wait { $0.phase != .starting }
  }

  /// As `waitUntilStarted`, and for what became of a start that was adopted.
  func waitUntilConfirmed() async throws(WorkerError) {
    try await self.wait { $0.phase != .starting && (!$0.isUnconfirmed || $0.isOver) }
  }

  private func wait(
    until done: @escaping @Sendable (JobLifecycle) -> Bool
  ) async throws(WorkerError) {
    await self.state.wait { done($0) || $0.isClosed }
    try self.checkStillWaiting(done)
  }

  /// Waits for its turn to freeze the job, or to let it go on; the caller ends it.
  func takeFreezingTurn() async throws(WorkerError) {
    repeat {
      await self.isFreezing.wait { !$0 }
      if Task.isCancelled { throw self.stoppedWaiting }
    } while !self.isFreezing.change { isTaken in
      defer { isTaken = true }
      return !isTaken
    }
  }

  private var stoppedWaiting: WorkerError {
    WorkerError(.cancelled, "the caller stopped waiting for job \(self.id)")
  }

  private func checkStillWaiting(_ done: (JobLifecycle) -> Bool) throws(WorkerError) {
    let lifecycle = self.state.value
    if done(lifecycle) { return }
    if lifecycle.isClosed { throw .closing }
    throw self.stoppedWaiting
  }
}

extension WorkerError {
  static let closing = WorkerError(.unavailable, "this worker is closing: try again")
}
