import Glibc
import JobStore
import Linux

extension Worker {
  /// Starts a job and answers once its program has been executed, or throws with the step that failed.
  ///
  /// With a `requestID` that the same owner used before, answers with the job of that time; it must have
  /// had the same `requestDigest`, for whoever makes `spec` of something else, or else the same spec. Goes
  /// on to its end even if the caller is cancelled. `quota` bounds the owner's unfinished jobs together.
  public func start(
    _ spec: JobSpec, owner: String, requestID: String? = nil,
    requestDigest: String? = nil, quota: OwnerQuota? = nil
  ) async throws(WorkerError) -> JobStatus {
    try spec.validate()
    let spec = try spec.settled(self.configuration)
    try Self.validate(requestID: requestID)
    try self.checkPrivileges()
    let user = try await self.resolve(spec)
    var prepared: PreparedJob?
    let reservation = try self.registry.change { registry throws(WorkerError) in
      try registry.reserve(
        spec, id: self.newID(for: spec, &prepared), owner: owner,
        request: requestID.map { JobRequest(id: $0, digest: requestDigest) },
        time: Clock.wall(), user: user,
        quota: quota)
    }
    switch reservation {
    case .existing(let job):
      try await job.waitUntilConfirmed()
      if case .failed(let error) = job.state.value.phase { throw error }
      var status = try await self.status(job.id)
      status.isRepeated = true
      return status
    case .new(let job):
      defer {
        self.prepareNextJob()
        job.startEnded()
        self.registry.change { $0.startEnded() }
      }
      do throws(WorkerError) {
        try await self.launch(job, as: user ?? .own(by: job.record), prepared)
      } catch {
        self.registry.change { $0.drop(job) }
        job.state.change { $0.startFailed(error) }
        throw error
      }
      return job.status()
    }
  }

  private static func validate(requestID: String?) throws(WorkerError) {
    guard let requestID else { return }
    guard !requestID.isEmpty, requestID.utf8.count <= 128, !requestID.utf8.contains(0) else {
      throw .invalid("a request id must have 1 to 128 bytes and no NUL, got '\(requestID)'")
    }
  }

  /// Looks up on the host what the spec names: nil when the job gets a user of its own.
  func resolve(_ spec: JobSpec) async throws(WorkerError) -> ResolvedUser? {
    if spec.network == .nat {
      _ = try NetworkProgram(folders: self.configuration.networkProgramFolders).find()
    }
    if spec.user == .own, spec.binds.isEmpty, spec.rootfs == nil { return nil }
    let hidden = [self.state.path] + self.hidden.withLock { $0 }
    let configuration = self.configuration
    return try await Self.threads.run { () throws(WorkerError) in
      try HostPlaces(hidden: hidden).check(spec)
      if spec.user == .own { return nil }
      // A tree may be its user's own: with a passwd(5) of his making he would be whom he likes.
      let accounts = spec.isHostUser ? AccountFiles() : AccountFiles(spec)
      let user = try ResolvedUser.resolve(spec.user, in: try accounts.database())
      try user?.checkNetwork(spec.network)
      try user?.checkIDs(configuration)
      return user
    }
  }

  var launcher: Launcher {
    Launcher(
      state: self.state, group: self.jobsGroup, hidden: self.hidden.withLock { $0 },
      totals: self.configuration.totals,
      networkProgram: NetworkProgram(folders: self.configuration.networkProgramFolders),
      mounts: self.hostMounts)
  }

  private func launch(
    _ job: Job, as user: ResolvedUser, _ prepared: PreparedJob?
  ) async throws(WorkerError) {
    let launcher = self.launcher
    let launch = try await Self.threads.run { () throws(WorkerError) in
      try launcher.launch(job, as: user, prepared)
    }
    job.starts(under: launch.keeper)
    await self.events.ready(launch)
    switch launch.message() {
    case .started:
      let record = try? StartRecord(self.state.read(JobDirectory.started, of: job.id))
      let hasStarted = job.state.change { lifecycle in
        lifecycle.start = record
        return lifecycle.started()
      }
      guard hasStarted else { return try await self.giveUp(job, launch, because: .closing) }
      self.watch(launch.keeper, of: job)
    case .failed(let failure):
      try await self.giveUp(job, launch, because: WorkerError(failure))
    case .ended, nil:
      try await self.giveUp(
        job, launch,
        because: WorkerError(
          .aborted, "the keeper of the job ended without an answer: try again", step: "keeper"))
    }
  }

  /// The keeper has taken back all it did, or died: the rest goes too.
  private func giveUp(
    _ job: Job, _ launch: Launch, because error: WorkerError
  ) async throws(WorkerError) {
    await self.events.ready(launch.keeper)
    let state = self.state
    await Self.threads.run {
      launch.keeper.reap()
      Remains.discard(job.id, in: state)
    }
    throw job.state.value.abandoned ?? error
  }
}

extension JobID {
  static func random() -> JobID {
    let digits = Array("0123456789abcdef")
    let text = Random.bytes(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    guard let id = JobID(String(text)) else { preconditionFailure("16 digits are an id") }
    return id
  }
}

extension WorkerError {
  init(_ failure: InitFailure) {
    var message = failure.description
    if failure.step == "clone", failure.errno == EAGAIN {
      message =
        "no process can be started: the jobs of this server have all that it allows them together "
        + "(--max-pids), or this host has no more: stop a job, or wait for one to end"
    }
    self.init(.startFailed, message, step: failure.step, errno: failure.errno)
  }
}
