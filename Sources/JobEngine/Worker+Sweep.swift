import JobStore
import Linux

// What jobs leave on disk goes on a thread of its own, and nobody waits for it: a job may have made
// millions of files. Closing stops it, and the next worker goes on. Two that remove at once do no harm.
extension Worker {
  static let sweeper = BlockingThreads(name: "sweeper", count: 1)

  /// What the keeper of a job that has just ended has put aside, or left.
  func sweepSoon(_ job: Job) {
    self.sweep { Remains.removeFiles(of: job.id, in: self.state, while: self.isOpen) }
  }

  /// What is left of a job that was removed, and its files if they still waited for this.
  func sweepRemoved(_ id: JobID) {
    self.sweep {
      Remains.removeFiles(of: id, in: self.state, while: self.isOpen)
      self.state.removeTrash(JobDirectory.trashed(id.description), while: self.isOpen)
    }
  }

  /// What earlier workers and keepers have left, after all jobs were adopted.
  func sweep(_ trash: [String]) {
    let finished = self.registry.read { $0.jobs.values.filter { $0.state.value.isOver }.map(\.id) }
    self.sweep {
      for name in trash { self.state.removeTrash(name, while: self.isOpen) }
      for id in finished where self.isOpen() {
        Remains.sweep(id, in: self.state)
        Remains.removeFiles(of: id, in: self.state, while: self.isOpen)
      }
    }
  }

  private func sweep(_ body: @escaping @Sendable () -> Void) {
    self.endings.change { $0 += 1 }
    Self.sweeper.perform {
      body()
      self.endings.change { $0 -= 1 }
    }
  }

  @Sendable private func isOpen() -> Bool { !self.registry.read { $0.isClosed } }
}
