import JobStore
import Linux

extension Worker {
  /// Freezes every process of a job, and answers when they are. A paused job uses no processor time;
  /// its timeout goes on, and a stop ends it as any other. Pausing a paused job is no error.
  public func pause(_ id: JobID) async throws(WorkerError) -> JobStatus {
    try await self.setFrozen(true, id)
  }

  /// Lets a paused job go on; one that is not paused is no error.
  public func resume(_ id: JobID) async throws(WorkerError) -> JobStatus {
    try await self.setFrozen(false, id)
  }

  /// Longer than any process takes that is not stuck in the kernel.
  private static let patience: Int64 = 5000

  private func setFrozen(_ frozen: Bool, _ id: JobID) async throws(WorkerError) -> JobStatus {
    let job = try self.job(id)
    if job.state.value.phase == .starting { try await job.waitUntilStarted() }
    try Self.check(job, frozen)
    let cgroup = try await self.cgroup(of: job, toFreeze: frozen)
    guard let freezer = CgroupFreezer(unified: cgroup.unified, legacy: cgroup.legacy) else {
      if try await self.isEnding(job, cgroup) { try Self.check(job, frozen) }
      throw WorkerError(
        .failedPrecondition,
        "this host cannot pause jobs: it has neither cgroup2 nor the v1 controller 'freezer'")
    }
    // One call at a time: each of a thousand would need a thread below.
    try await job.takeFreezingTurn()
    defer { job.isFreezing.change { $0 = false } }
    try await self.tell(job, frozen ? .pause : .resume)
    guard !(try await Self.wait(freezer, untilFrozen: frozen)) else {
      return try await self.status(id)
    }
    _ = try await self.isEnding(job, cgroup)
    try Self.check(job, frozen)
    if frozen { try await self.tell(job, .resume) }
    throw WorkerError(
      .failedPrecondition,
      "job \(id) could not be \(frozen ? "paused" : "resumed") within \(Self.patience / 1000) s: it "
        + "is being ended, or a process of it is stuck in the kernel; it goes on")
  }

  /// Of a job that may end and be removed meanwhile, with the plan that tells of its group.
  func cgroup(of job: Job, toFreeze frozen: Bool) async throws(WorkerError) -> Cgroup {
    do throws(WorkerError) { return try await self.cgroup(of: job) } catch {
      try Self.check(job, frozen)
      throw error
    }
  }

  /// On a thread of its own: a process that is stuck in the kernel must not hold up other jobs.
  private static func wait(
    _ freezer: CgroupFreezer, untilFrozen frozen: Bool
  ) async throws(WorkerError) -> Bool {
    let isFrozen: Bool? = await withCheckedContinuation { continuation in
      do throws(SystemError) {
        try Threads.tryStart(name: "engine-freeze") {
          continuation.resume(
            returning: freezer.wait(untilFrozen: frozen, milliseconds: Self.patience))
        }
      } catch {
        continuation.resume(returning: nil)
      }
    }
    if let isFrozen { return isFrozen }
    throw WorkerError(
      .resourceExhausted, "the server has no thread left to see a job pause: try again later")
  }

  private static func check(_ job: Job, _ frozen: Bool) throws(WorkerError) {
    let what = frozen ? "pause" : "resume"
    switch job.state.value.state {
    case .finished:
      throw WorkerError(
        .failedPrecondition, "job \(job.id) has finished: there is nothing to \(what)")
    case .stopping where frozen:
      throw WorkerError(.failedPrecondition, "job \(job.id) is being stopped: it cannot be paused")
    case .starting, .running, .stopping: break
    }
  }
}

extension Usage {
  /// The name of the file that tells whether a job is frozen, among those that are read for usage.
  static let freezerFile = "freezer"
}

extension CgroupPlan {
  /// A budget of processor time needs a file that counts it.
  func checkCountsCPUTime() throws(WorkerError) {
    guard !self.evidence.contains(where: { $0.name == "cpu.stat" || $0.name == "v1/cpuacct.usage" })
    else { return }
    throw WorkerError(
      .failedPrecondition,
      "cannot bound cpu-time: this host has neither cgroup2 nor the v1 controller 'cpuacct'")
  }
}
