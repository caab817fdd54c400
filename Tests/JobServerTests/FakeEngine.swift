import JobEngine
import JobServer
import Linux

/// An engine of values: its jobs are what a test puts in, and it remembers what it was asked.
final class FakeEngine: JobWorker {
  /// What was asked, as `stop 0123456789abcdef 15`.
  let calls = Lock<[String]>([])
  /// The spec and quota of the last start.
  let started = Lock<(spec: JobSpec, quota: OwnerQuota?)?>(nil)
  /// What a start answers with besides.
  let answer = Lock<(state: JobState, isRepeated: Bool)>((.running, false))
  /// The views of output that were asked for.
  let views = Lock<[OutputView]>([])
  private let statuses: Lock<[JobStatus]>
  private let failure: WorkerError?
  private let events: [OutputEvent]

  init(
    _ jobs: [JobStatus] = [], failure: WorkerError? = nil, events: [OutputEvent] = []
  ) {
    self.statuses = Lock(jobs)
    self.failure = failure
    self.events = events
  }

  private func record(_ call: String) throws(WorkerError) {
    self.calls.withLock { $0.append(call) }
    if let failure { throw failure }
  }

  func start(
    _ spec: JobSpec, owner: String, requestID: String?, requestDigest: String?,
    quota: OwnerQuota?
  ) async throws(WorkerError) -> JobStatus {
    try self.record("start \(spec.command.joined(separator: " ")) \(owner) \(requestID ?? "-")")
    self.started.withLock { $0 = (spec, quota) }
    let (state, isRepeated) = self.answer.withLock { $0 }
    var status = JobStatus(
      id: Self.newID, spec: spec, owner: owner, state: state, createTime: 1, uid: 1, gid: 1)
    status.isRepeated = isRepeated
    return status
  }

  func plan(
    _ spec: JobSpec, owner: String, quota: OwnerQuota?
  ) async throws(WorkerError) -> JobPlan {
    try self.record("plan \(spec.command.joined(separator: " "))")
    var limit = PlannedLimit(name: "pids", file: "pids.max", folder: "/cg", value: "10")
    limit.applied = "10"
    var plan = JobPlan(limits: [limit], folders: ["/cg"])
    plan.isolation = Isolation(spec, uid: 1, gid: 1)
    plan.refusal = spec.name == "crowded" ? "'\(owner)' has too many" : nil
    return plan
  }

  func stop(
    _ id: JobID, signal: Int32, grace: Duration, by identity: String,
    ordered: @Sendable () -> Void
  ) async throws(WorkerError) -> JobStatus {
    try self.record("stop \(id) \(signal) \(grace) \(identity)")
    let status = try self.known(id)
    ordered()
    guard status.state == .stopping else { return status }
    await Forever.wait()  // one that was told before and does not go
    throw WorkerError(.unavailable, "closing")
  }

  func signal(_ id: JobID, _ signal: Int32, by identity: String) async throws(WorkerError) {
    try self.record("signal \(id) \(signal) \(identity)")
  }

  func pause(_ id: JobID) async throws(WorkerError) -> JobStatus {
    try self.record("pause \(id)")
    var status = try self.known(id)
    status.isPaused = true
    return status
  }

  func update(
    _ id: JobID, _ changes: Limits, quota: OwnerQuota?
  ) async throws(WorkerError) -> JobStatus {
    try self.record("update \(id)")
    var status = try self.known(id)
    status.spec.limits = changes
    return status
  }

  func resume(_ id: JobID) async throws(WorkerError) -> JobStatus {
    try self.record("resume \(id)")
    return try self.known(id)
  }

  func status(_ id: JobID) async throws(WorkerError) -> JobStatus {
    if let failure { throw failure }
    return try self.known(id)
  }

  func summary(_ id: JobID) -> JobSummary? { self.jobs().first { $0.id == id } }

  func jobs() -> [JobSummary] {
    self.statuses.withLock { $0 }.map {
      JobSummary(
        id: $0.id, name: $0.spec.name, owner: $0.owner, state: $0.state, createTime: $0.createTime,
        labels: $0.spec.labels)
    }
  }

  func output(
    of id: JobID, from cursor: Cursor?, view: OutputView, follow: Bool
  ) throws(WorkerError) -> FakeOutput {
    self.views.withLock { $0.append(view) }
    try self.record("output \(id) \(cursor?.description ?? "-") \(follow)")
    return FakeOutput(events: self.events, goesOn: follow)
  }

  func wait(_ id: JobID) async throws(WorkerError) -> JobStatus {
    let status = try self.known(id)
    if status.state == .finished { return status }
    await Forever.wait()
    throw WorkerError(.unavailable, "closing")
  }

  func remove(_ id: JobID) async throws(WorkerError) { try self.record("remove \(id)") }

  func close() async {}

  private func known(_ id: JobID) throws(WorkerError) -> JobStatus {
    guard let status = self.statuses.withLock({ $0.first { $0.id == id } }) else {
      throw WorkerError(.notFound, "no such job '\(id)'")
    }
    return status
  }

  static let newID: JobID = id("00000000000000ff")
}

/// Some events; then the end, or with `goesOn` and without an end event a wait for ever.
struct FakeOutput: AsyncSequence, Sendable {
  let events: [OutputEvent]
  let goesOn: Bool

  struct AsyncIterator: AsyncIteratorProtocol {
    var events: ArraySlice<OutputEvent>
    let goesOn: Bool
    var wasLast = false

    mutating func next() async throws -> OutputEvent? {
      if let event = self.events.popFirst() {
        if case .end = event { self.wasLast = true }
        return event
      }
      if self.goesOn, !self.wasLast {
        await Forever.wait()
        try Task.checkCancellation()
      }
      return nil
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(events: self.events[...], goesOn: self.goesOn)
  }
}

/// What never happens.
enum Forever {
  /// Answers when the task is cancelled.
  static func wait() async {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    for await _ in stream {}
    continuation.finish()
  }
}

func id(_ text: String) -> JobID {
  guard let id = JobID(text) else { fatalError("no job id: \(text)") }
  return id
}

/// A job as the engine tells of it.
func job(
  _ idText: String, owner: String = "alice", name: String? = nil, state: JobState = .running,
  created: Int64 = 1, labels: [String: String] = [:]
) -> JobStatus {
  var spec = JobSpec(command: ["true"])
  spec.name = name
  spec.labels = labels
  var status = JobStatus(
    id: id(idText), spec: spec, owner: owner, state: state, createTime: created, uid: 61184,
    gid: 61184)
  if state == .finished {
    status.verdict = Verdict(reason: .exited, code: 0, message: "exited with code 0")
  }
  return status
}
