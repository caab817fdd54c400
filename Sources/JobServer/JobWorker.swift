package import JobEngine

/// What the service needs of the engine: the methods of `Worker`, so that tests can stand in one that
/// needs neither root nor processes.
package protocol JobWorker: Sendable {
  associatedtype Output: AsyncSequence & Sendable where Output.Element == OutputEvent

  func start(
    _ spec: JobSpec, owner: String, requestID: String?, requestDigest: String?,
    quota: OwnerQuota?
  ) async throws(WorkerError) -> JobStatus
  func plan(
    _ spec: JobSpec, owner: String, quota: OwnerQuota?
  ) async throws(WorkerError) -> JobPlan
  func stop(
    _ id: JobID, signal: Int32, grace: Duration, by identity: String,
    ordered: @Sendable () -> Void
  ) async throws(WorkerError) -> JobStatus
  func signal(_ id: JobID, _ signal: Int32, by identity: String) async throws(WorkerError)
  func pause(_ id: JobID) async throws(WorkerError) -> JobStatus
  func update(
    _ id: JobID, _ changes: Limits, quota: OwnerQuota?
  ) async throws(WorkerError) -> JobStatus
  func resume(_ id: JobID) async throws(WorkerError) -> JobStatus
  func status(_ id: JobID) async throws(WorkerError) -> JobStatus
  func jobs() -> [JobSummary]
  func summary(_ id: JobID) -> JobSummary?
  func output(
    of id: JobID, from cursor: Cursor?, view: OutputView, follow: Bool
  ) throws(WorkerError) -> Output
  func wait(_ id: JobID) async throws(WorkerError) -> JobStatus
  func remove(_ id: JobID) async throws(WorkerError)
  func close() async
}

extension Worker: JobWorker {}
