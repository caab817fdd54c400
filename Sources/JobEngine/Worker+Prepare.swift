import JobStore
import Linux

// One job is kept ready to be started.
extension Worker {
  /// That of the job that is kept ready, where it serves; it is the caller's then.
  func newID(for spec: JobSpec, _ prepared: inout PreparedJob?) -> JobID {
    if spec.isUsual(self.configuration) { prepared = self.prepared.take() }
    return prepared?.id ?? .random()
  }

  /// For the next start: at once where starts follow each other closely, and else a little later.
  func prepareNextJob() {
    guard !self.prepared.startEnded(at: Clock.boot()) else { return self.prepareJob() }
    self.events.later(PreparedJobs.pause) { self.prepareJob() }
  }

  /// Not waited for, but by `close`.
  private func prepareJob() {
    self.endings.change { $0 += 1 }
    Self.threads.perform {
      self.watchMounts()
      self.prepared.fill(in: self.state) { closing throws(WorkerError) in
        try self.launcher.prepare(
          .usual(self.configuration), as: .own(self.configuration.userIDs.lowerBound),
          until: closing)
      }
      self.endings.change { $0 -= 1 }
    }
  }

  private func watchMounts() {
    guard let table = try? MountTable(), self.prepared.beginWatch() else { return }
    self.events.watch(table) {
      self.endings.change { $0 += 1 }
      Self.threads.perform {
        self.prepared.hostChanged(in: self.state)
        self.endings.change { $0 -= 1 }
      }
    }
  }
}
