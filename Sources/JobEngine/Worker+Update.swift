import JobStore
import Linux

extension Worker {
  /// Changes limits of a job that runs: those that `changes` has, all of them or none, and answers
  /// with what the kernel holds. `quota` bounds the unfinished jobs of the job's owner together.
  ///
  /// A memory limit below what the job holds is refused; one of processes below what there are only
  /// keeps new ones from being made.
  public func update(
    _ id: JobID, _ changes: Limits, quota: OwnerQuota? = nil
  ) async throws(WorkerError) -> JobStatus {
    let job = try self.job(id)
    try changes.validateChange()
    if job.state.value.phase == .starting { try await job.waitUntilStarted() }
    switch job.state.change({ $0.beginUpdate() }) {
    case .begin: break
    case .isOver:
      throw WorkerError(
        .failedPrecondition, "job \(id) has finished: there is nothing to change")
    case .isBusy:
      throw WorkerError(.unavailable, "the limits of job \(id) are being changed: try again")
    }
    defer { job.state.change { $0.endUpdate() } }
    try await self.change(
      job, from: job.limits, to: job.limits.changed(by: changes), changes, quota)
    return try await self.status(id)
  }

  private func change(
    _ job: Job, from old: Limits, to new: Limits, _ changes: Limits, _ quota: OwnerQuota?
  ) async throws(WorkerError) {
    try new.validate()
    // Taken before it is given, so that two at a time cannot have the same rest.
    try self.registry.change { registry throws(WorkerError) in
      try registry.change(job, to: new, quota: quota)
    }
    do throws(WorkerError) {
      let launcher = self.launcher
      let applied = try await Self.threads.run { () throws(WorkerError) in
        try launcher.change(job, from: old, to: new, changes)
      }
      job.state.change { $0.updated(new, applied) }
    } catch {
      self.registry.change { $0.takeBack(old, of: job) }
      guard job.state.value.isOver else { throw error }
      throw WorkerError(
        .failedPrecondition, "job \(job.id) has finished: there is nothing to change")
    }
  }
}

extension Launcher {
  /// Blocks. Answers with all that is applied then.
  func change(
    _ job: Job, from old: Limits, to new: Limits, _ changes: Limits
  ) throws(WorkerError) -> [String: AppliedLimit] {
    let cgroup = try self.cgroup(of: job)
    let host = self.host(for: new, of: job.record.spec)
    let survey = LimitSurvey(new, layout: self.layout, host: host)
    for name in changes.asked {
      guard let reason = survey.refused[name] else { continue }
      throw WorkerError(.failedPrecondition, "cannot limit \(name.text): \(reason)")
    }
    if let memory = changes.memory { try MemoryInUse.check(memory, in: cgroup) }
    let before = LimitSurvey(old, layout: self.layout, host: host).enforceable
    let change = try CgroupChange(
      cgroup, from: before, to: survey.enforceable, disks: host.disks.all)
    let held = job.state.value.applied.merging(try change.apply()) { $1 }
    let applied = survey.applied(held)
    do throws(SystemError) {
      // On disk before anyone is told: the next worker shows the same.
      try File.replace(
        JobDirectory.limits, in: try self.state.open(job.id),
        with: LimitsRecord(limits: new, applied: applied).encoded())
    } catch {
      change.takeBack()
      throw WorkerError(
        .internal, "cannot keep the new limits of job \(job.id), so they were taken back: \(error)")
    }
    return applied
  }

  private func cgroup(of job: Job) throws(WorkerError) -> Cgroup {
    do throws(StoreError) {
      return Cgroup(try LaunchPlan(self.state.read(JobDirectory.launch, of: job.id)))
    } catch {
      throw WorkerError(.internal, "cannot read the plan of job \(job.id): \(error)")
    }
  }
}
