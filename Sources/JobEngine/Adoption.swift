import Glibc
import JobStore
import Linux

/// What became of a job while no worker was there to see it.
enum Found: Sendable {
  case finished(JobRecord, ExitRecord)
  /// Its keeper lives.
  case alive(JobRecord, StartRecord, KeeperProcess)
  /// A keeper holds the lock and cannot be named: it is still starting the job, or just ending, or
  /// there was no descriptor left to look at it with.
  case nameless(JobRecord, StartRecord?)
  /// The keeper is gone without a record; the job had been started, or may have been.
  case lost(JobRecord, StartRecord?)
  /// Nobody was ever told of it.
  case neverStarted
}

/// Looks at one job's folder. Blocks; never changes anything.
struct Adoption {
  let state: StateDirectory
  let bootID: String

  func examine(_ id: JobID) throws(StoreError) -> Found {
    guard let record = try self.record(id) else { return .neverStarted }
    if let exit = try self.state.exitRecord(of: id) { return .finished(record, exit) }
    guard try !self.isLocked(id) else {
      let start = try self.startRecord(id)
      guard let start, let keeper = self.keeper(start) else { return .nameless(record, start) }
      return .alive(record, start, keeper)
    }
    // Once more, as the keeper may have ended since: what it had to say was said before its lock
    // was free.
    if let exit = try self.state.exitRecord(of: id) { return .finished(record, exit) }
    if let start = try self.startRecord(id) { return .lost(record, start) }
    // After a power loss the start record may be missing or torn; what was asked is on disk before
    // anyone is told.
    guard record.bootID == self.bootID, try !self.state.has(JobDirectory.started, of: id) else {
      return .lost(record, nil)
    }
    return .neverStarted
  }

  /// Why a lost job is lost.
  func reason(_ record: JobRecord, _ start: StartRecord?) -> String {
    if (start?.bootID ?? record.bootID) == self.bootID {
      return Remains.why(nil) + ", while no worker watched"
    }
    return start == nil
      ? "the host stopped while it ran or was being started" : "the host was restarted"
  }

  private func record(_ id: JobID) throws(StoreError) -> JobRecord? {
    do throws(StoreError) {
      var record = try JobRecord(try self.state.read(JobDirectory.spec, of: id))
      if let changed = try self.limits(id) {
        record.spec.limits = changed.limits
        record.applied = changed.applied
      }
      return record
    } catch {
      if case .system(let cause) = error, cause.errno == ENOENT { return nil }
      throw error
    }
  }

  /// Nil where they were never changed, or what they were changed to is damaged: the job is not to be hidden
  /// for it.
  private func limits(_ id: JobID) throws(StoreError) -> LimitsRecord? {
    do throws(StoreError) {
      return try LimitsRecord(try self.state.read(JobDirectory.limits, of: id))
    } catch {
      switch error {
      case .system(let cause) where cause.errno == ENOENT: return nil
      case .malformed: return nil
      default: throw error
      }
    }
  }

  /// What to tell of limits that `limits` passes over.
  fileprivate func problemWithLimits(of id: JobID) -> String? {
    do throws(StoreError) {
      _ = try LimitsRecord(try self.state.read(JobDirectory.limits, of: id))
      return nil
    } catch {
      guard case .malformed(let what) = error else { return nil }
      return "\(what): the limits that the job was started with are shown"
    }
  }

  /// Nil also for one that a power loss has torn: it was never synced, and a job is not to be hidden
  /// for it.
  func startRecord(_ id: JobID) throws(StoreError) -> StartRecord? {
    do throws(StoreError) {
      return try StartRecord(try self.state.read(JobDirectory.started, of: id))
    } catch {
      switch error {
      case .malformed: return nil
      case .system(let cause) where cause.errno == ENOENT: return nil
      default: throw error
      }
    }
  }

  private func isLocked(_ id: JobID) throws(StoreError) -> Bool {
    try StoreError.wrap { () throws(SystemError) in
      let folder = try self.state.open(id)
      // Closed at once, and the lock with it.
      return try !File.tryLock(try File.open(JobDirectory.lock, in: folder, O_RDWR))
    }
  }

  /// The keeper, if the process with its number is still the one that wrote the record.
  private func keeper(_ start: StartRecord) -> KeeperProcess? {
    guard start.bootID == self.bootID,
      let process = try? PIDFD(process: start.keeper.pid),
      // After the pidfd was opened: now the number cannot change its meaning any more.
      (try? ProcessIdentity(of: start.keeper.pid)) == start.keeper
    else { return nil }
    return KeeperProcess(process)
  }
}

extension Worker {
  /// Takes in every job of the state directory. Blocks.
  func adopt() throws(WorkerError) {
    do throws(SystemError) {
      let adoption = Adoption(state: self.state, bootID: try ProcessIdentity.bootID())
      let (jobs, trash) = try self.state.scan()
      for id in jobs { try self.adopt(id, adoption) }
      self.sweep(trash)
    } catch {
      throw WorkerError(
        .failedPrecondition, "cannot read the state directory '\(self.state.path)': \(error)")
    }
  }

  /// A job that cannot be read is told, and left alone. For lack of descriptors or memory nothing is: a
  /// job that runs must not be taken for none.
  private func adopt(_ id: JobID, _ adoption: Adoption) throws(SystemError) {
    do throws(StoreError) {
      let found = try adoption.examine(id)
      if let problem = adoption.problemWithLimits(of: id) { self.tell(problem, of: id) }
      switch found {
      case .finished(let record, let exit):
        self.insert(id, record, start: try adoption.startRecord(id), exit: exit)
      case .alive(let record, let start, let keeper):
        self.settleChange(of: id, record)
        self.watch(keeper, of: self.insert(id, record, start: start))
      case .nameless(let record, let start):
        self.settleChange(of: id, record)
        let job = self.insert(id, record, start: start)
        let watch = start == nil ? self.watchStart(of: job, adoption) : nil
        self.watchLock(of: job, adoption, watch)
      case .lost(let record, let start):
        let exit = try Remains.settle(
          id, start: start, why: adoption.reason(record, start), in: self.state)
        self.insert(id, record, start: start, exit: exit)
      case .neverStarted:
        Remains.discard(id, in: self.state)
      }
    } catch {
      if case .system(let cause) = error, error.isShortage { throw cause }
      self.tell("\(error)", of: id)
    }
  }

  private func tell(_ problem: String, of id: JobID) {
    let line = "\(self.state.path(id)): \(problem)"
    self.foundProblems.withLock { $0.append(line) }
  }

  /// A failure is told; the job is not to be hidden for it.
  private func settleChange(of id: JobID, _ record: JobRecord) {
    do throws(StoreError) { try self.state.settleChange(of: id, record) } catch {
      self.tell("a change of its limits was cut short: \(error)", of: id)
    }
  }

  @discardableResult
  private func insert(
    _ id: JobID, _ record: JobRecord, start: StartRecord?, exit: ExitRecord? = nil
  ) -> Job {
    var lifecycle = JobLifecycle()
    lifecycle.applied = record.applied
    lifecycle.start = start
    lifecycle.started()
    if (try? self.state.has(JobDirectory.stopping, of: id)) == true { lifecycle.stopping() }
    if let exit {
      _ = lifecycle.finish(exit)
    } else if let plan = try? LaunchPlan(self.state.read(JobDirectory.launch, of: id)) {
      lifecycle.usageFiles = plan.evidence + Usage.currentFiles(of: Cgroup(plan))
    }
    let job = Job(id: id, record: record, lifecycle: lifecycle)
    self.registry.change { $0.insert(job, isOver: exit != nil) }
    return job
  }

  /// Waits for the end of a keeper that has a lock, but no number that we could watch: mostly one that
  /// was still starting its job when the last worker died. So rare that a thread of its own is the
  /// simplest that is right.
  private func watchLock(of job: Job, _ adoption: Adoption, _ watch: FolderWatch? = nil) {
    Threads.start(name: "engine-lock") {
      do throws(SystemError) { try self.state.waitForLock(of: job.id) } catch {
        // Not the end of the keeper, unless the job is gone with its folder.
        guard error.errno == ENOENT else {
          return self.lookLater(job) { self.watchLock(of: job, adoption, watch) }
        }
      }
      watch?.stop()
      self.whileOpen(job) { self.lockIsFree(job, adoption) }
    }
  }

  /// Sees the record that the program was executed, for those who repeat the start meanwhile. Nil where
  /// the host has no watch left: they wait for the job's end then.
  private func watchStart(of job: Job, _ adoption: Adoption) -> FolderWatch? {
    job.state.change { $0.unconfirmed() }
    let confirm: @Sendable () -> Void = {
      guard let record = try? adoption.startRecord(job.id) else { return }
      job.state.change { $0.confirmed(record) }
    }
    let watch = try? FolderWatch([self.state.path(job.id)], quietMilliseconds: 1, onChange: confirm)
    confirm()  // it may have come before the watch
    return watch
  }

  private func lockIsFree(_ job: Job, _ adoption: Adoption) {
    do throws(StoreError) {
      let found = try adoption.examine(job.id)
      let start = try adoption.startRecord(job.id)
      job.state.change { $0.start = start }
      guard case .neverStarted = found else { return self.keeperEnded(job) }
      Remains.discard(job.id, in: self.state)
      self.registry.change { $0.drop(job) }
      job.state.change {
        $0.startFailed(WorkerError(.aborted, "the start failed while no worker watched: try again"))
      }
    } catch {
      if error.isShortage { return self.lookLater(job) { self.lockIsFree(job, adoption) } }
      self.keeperEnded(job)
    }
  }
}
