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

  func change(
    _ job: Job, from old: Limits, to new: Limits, _ changes: Limits, _ quota: OwnerQuota?
  ) async throws(WorkerError) {
    try new.validate()
    // Taken before it is given, so that two at a time cannot have the same rest.
    try self.registry.change { registry throws(WorkerError) in
      try registry.change(job, to: new, quota: quota)
    }
    do throws(WorkerError) {
      let applied = try await Self.threads.run { () throws(WorkerError) in
        try self.changeUnlessClosed(job, from: old, to: new, changes)
      }
      job.state.change { $0.updated(new, applied) }
    } catch {
      self.registry.change { $0.takeBack(old, of: job) }
      // A job that was removed meanwhile has no plan any more to find its group by.
      if let cgroup = try? await self.cgroup(of: job) { _ = try await self.isEnding(job, cgroup) }
      guard job.state.value.isOver else { throw error }
      throw WorkerError(
        .failedPrecondition, "job \(job.id) has finished: there is nothing to change")
    }
  }

  /// Closing waits for it: afterwards what is on disk is the next worker's. Blocks.
  private func changeUnlessClosed(
    _ job: Job, from old: Limits, to new: Limits, _ changes: Limits
  ) throws(WorkerError) -> [String: AppliedLimit] {
    self.endings.change { $0 += 1 }
    defer { self.endings.change { $0 -= 1 } }
    guard !job.state.value.isClosed else { throw .closing }
    return try self.launcher.change(job, from: old, to: new, changes)
  }
}

extension Launcher {
  /// Blocks. Answers with all that is applied then.
  func change(
    _ job: Job, from old: Limits, to new: Limits, _ changes: Limits
  ) throws(WorkerError) -> [String: AppliedLimit] {
    let cgroup = try self.state.cgroup(of: job.id)
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
    return try self.keep(new, of: job, change) { written in
      let held = job.state.value.applied
      // What was not asked for is held as before, whatever became of the host since.
      let asked = Set(changes.asked.map(\.rawValue)).union(written.keys)
      return survey.applied(held.merging(written) { $1 }).filter { asked.contains($0.key) }
        .merging(held) { new, _ in new }
    }
  }

  /// Makes the change and writes it down; answers with `applied`, of what the kernel shows.
  private func keep(
    _ limits: Limits, of job: Job, _ change: CgroupChange,
    _ applied: ([String: AppliedLimit]) -> [String: AppliedLimit]
  ) throws(WorkerError) -> [String: AppliedLimit] {
    try self.note(UnfinishedChange(limits: limits, before: change.before), of: job.id)
    defer { self.removeNote(of: job.id) }
    let applied = applied(try change.apply())
    do throws(SystemError) {
      // On disk before anyone is told: the next worker shows the same.
      try File.replace(
        JobDirectory.limits, in: try self.state.open(job.id),
        with: LimitsRecord(limits: limits, applied: applied).encoded())
    } catch {
      change.takeBack()
      throw WorkerError(
        .internal, "cannot keep the new limits of job \(job.id), so they were taken back: \(error)")
    }
    return applied
  }

  private func note(_ change: UnfinishedChange, of id: JobID) throws(WorkerError) {
    do throws(SystemError) {
      // Not durable: it means nothing after a reboot, which ends the job.
      try File.replace(
        JobDirectory.change, in: try self.state.open(id), with: change.encoded(), durable: false)
    } catch {
      throw WorkerError(
        .internal, "cannot note the new limits of job \(id), so they stay as they are: \(error)")
    }
  }

  /// What is left is the next worker's to remove.
  private func removeNote(of id: JobID) {
    guard let folder = try? self.state.open(id) else { return }
    try? File.remove(JobDirectory.change, in: folder)
  }
}
