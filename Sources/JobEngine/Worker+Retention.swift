import JobStore
import Linux

// DESIGN: looked at when a job ends, when a reader goes and when the oldest job's time has come (one
// timer), and never else. A job that is being read stays until its last reader has gone. Only one
// look at a time; what happens meanwhile makes for one more.
extension Worker {
  struct Expiry: Sendable {
    var isLooking = false
    var mustLookAgain = false
    /// When the timer that was set last fires, in nanoseconds since 1970.
    var timer: Int64?
  }

  /// Sees to it that what is not to be kept goes.
  func expireSoon() {
    guard self.configuration.retention != .unlimited else { return }
    let mustStart = self.expiry.withLock { expiry in
      expiry.mustLookAgain = expiry.isLooking
      defer { expiry.isLooking = true }
      return !expiry.isLooking
    }
    guard mustStart else { return }
    self.endings.change { $0 += 1 }
    Self.threads.perform {
      repeat { self.expire() } while self.mustLookAgain()
      self.endings.change { $0 -= 1 }
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
    let (ids, next) = self.configuration.retention.expired(of: finished, now: Clock.wall())
    for id in ids { if let job = jobs.first(where: { $0.id == id }) { self.expire(job) } }
    if let next { self.setTimer(next) }
  }

  private func candidate(_ job: Job) -> Retention.Candidate? {
    guard let record = job.state.value.record, !job.isRead else { return nil }
    let bytes = job.diskBytes { self.state.journalSize(of: job.id) }
    return Retention.Candidate(id: job.id, endTime: record.time, bytes: bytes)
  }

  private func expire(_ job: Job) {
    guard job.state.change({ $0.remove() }) == .remove else { return }
    self.registry.change { $0.drop(job) }
    Remains.sweep(job.id, in: self.state)
    // What cannot be removed now is found by the next worker.
    try? self.state.remove(job.id)
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
