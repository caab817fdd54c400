import JobStore
import Linux

// DESIGN: looked at when a job ends and there may be no more room for it, when a reader goes, likewise,
// and when the oldest job's time has come (one timer), and never else. A look goes through all finished
// jobs, and tells how many more there is room for, so that most ends cost nothing. A job that is being
// read stays until its last reader has gone. Only one look at a time; what happens meanwhile makes for
// one more.
extension Worker {
  struct Expiry: Sendable {
    var isLooking = false
    var mustLookAgain = false
    /// As the last look found it, less what has come since; what was removed since is not counted.
    var room = Retention.Room(count: 0, bytes: 0)
    /// When the timer that was set last fires, in nanoseconds since 1970.
    var timer: Int64?
  }

  /// Sees to it that what is not to be kept goes, now that `job` is one more that can go.
  func expireSoon(with job: Job? = nil) {
    guard self.configuration.retention != .unlimited else { return }
    self.endings.change { $0 += 1 }
    Self.threads.perform {
      if !self.hasRoom(for: job), self.beginLook() {
        repeat { self.expire() } while self.mustLookAgain()
      }
      self.endings.change { $0 -= 1 }
    }
  }

  private func hasRoom(for job: Job?) -> Bool {
    guard let job, let candidate = self.candidate(job) else { return false }
    let retention = self.configuration.retention
    guard !retention.isOld(candidate, now: Clock.wall()) else { return false }
    let hasRoom = self.expiry.withLock { expiry in
      !expiry.isLooking && expiry.room.take(candidate)
    }
    if hasRoom, let time = retention.expiry(of: candidate) { self.setTimer(time) }
    return hasRoom
  }

  private func beginLook() -> Bool {
    self.expiry.withLock { expiry in
      expiry.mustLookAgain = expiry.isLooking
      defer { expiry.isLooking = true }
      return !expiry.isLooking
    }
  }

  private func mustLookAgain() -> Bool {
    self.expiry.withLock { expiry in
      expiry.isLooking = expiry.mustLookAgain
      expiry.mustLookAgain = false
      return expiry.isLooking
    }
  }

  private func expire() {
    let (jobs, isClosed) = self.registry.read { (Array($0.jobs.values), $0.isClosed) }
    if isClosed { return }
    let finished = jobs.compactMap { self.candidate($0) }
    let look = self.configuration.retention.look(at: finished, now: Clock.wall())
    self.expiry.withLock { $0.room = look.room }
    for id in look.expired {
      if let job = self.registry.read({ $0.jobs[id] }) { self.expire(job) }
    }
    if let next = look.next { self.setTimer(next) }
  }

  private func candidate(_ job: Job) -> Retention.Candidate? {
    guard let time = job.state.read({ $0.record?.time }), !job.isRead else { return nil }
    let bytes = job.diskBytes { self.state.journalSize(of: job.id) }
    return Retention.Candidate(
      id: job.id, owner: job.record.owner, endTime: time, bytes: bytes)
  }

  private func expire(_ job: Job) {
    guard job.removeUnread() else { return }
    self.registry.change { $0.drop(job) }
    Remains.sweep(job.id, in: self.state)
    // What cannot be removed now is found by the next worker.
    try? self.state.putAside(job.id)
    self.sweepRemoved(job.id)
    self.configuration.onExpired(job.summary)
  }

  private func setTimer(_ time: Int64) {
    let now = Clock.wall()
    let isNew = self.expiry.withLock { expiry in
      if let timer = expiry.timer, timer > now, timer <= time { return false }
      expiry.timer = time
      return true
    }
    guard isNew else { return }
    self.events.later(max(time - now, 1_000_000)) { self.expireSoon() }
  }
}

extension StateDirectory {
  /// Bytes that a job's output takes on disk.
  func journalSize(of id: JobID) -> Int64 {
    guard let folder = try? self.open(id), let bases = try? JournalHeaders.bases(in: folder) else {
      return 0
    }
    return bases.reduce(0) { $0 + ((try? JournalHeaders.size(base: $1, in: folder)) ?? 0) }
  }
}
