import Glibc
import JobStore
import Linux

extension Worker {
  /// Sees to it that the end of the job's keeper becomes the end of the job.
  func watch(_ keeper: KeeperProcess, of job: Job) {
    self.events.watch(keeper) {
      self.endings.change { $0 += 1 }
      Self.threads.perform {
        let end = keeper.reap()
        self.whileOpen(job) { self.keeperEnded(job, end) }
        self.endings.change { $0 -= 1 }
      }
    }
  }

  /// Runs `body` unless the worker has closed: then all that is on disk is the next one's. Closing
  /// waits for `body`.
  func whileOpen(_ job: Job, _ body: () -> Void) {
    self.endings.change { $0 += 1 }
    if !job.state.value.isClosed { body() }
    self.endings.change { $0 -= 1 }
  }

  /// Reads how the job ended, or finds out that nobody wrote it down: `end` is the keeper's own, nil
  /// where it was no child of ours. Blocks.
  func keeperEnded(_ job: Job, _ end: ProcessEnd? = nil) {
    let record: ExitRecord
    do throws(StoreError) {
      if let written = try self.state.exitRecord(of: job.id) {
        record = written
      } else {
        record = try Remains.settle(job, after: end, in: self.state)
      }
    } catch {
      // For lack of something, and for nothing else: what cannot be read is in the record.
      return self.lookLater(job) { self.keeperEnded(job, end) }
    }
    // The name is free before anybody hears of the end and wants it.
    self.registry.change { $0.release(job) }
    job.state.change { _ = $0.finish(record) }
    self.expireSoon(with: job)
    self.sweepSoon(job)
  }

  /// Nothing tells when a descriptor or memory is free again, so here, and only here, time does.
  func lookLater(_ job: Job, _ body: @escaping @Sendable () -> Void) {
    self.events.later(200_000_000) {
      Self.threads.perform { self.whileOpen(job, body) }
    }
  }
}

extension StoreError {
  /// It says something about this process at this moment, and nothing about the job.
  var isShortage: Bool {
    guard case .system(let error) = self else { return false }
    return [EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN].contains(error.errno)
  }
}

extension StateDirectory {
  /// The content of one of a job's small files.
  func read(_ name: String, of id: JobID) throws(StoreError) -> [UInt8] {
    do throws(SystemError) {
      return try File.read(name, in: try self.open(id))
    } catch {
      throw .system(error)
    }
  }

  /// How the job ended; nil when nobody wrote that down. Where it cannot be read, that is what is known.
  func exitRecord(of id: JobID) throws(StoreError) -> ExitRecord? {
    do throws(StoreError) {
      return try ExitRecord(try self.read(JobDirectory.exit, of: id))
    } catch {
      if case .system(let cause) = error, cause.errno == ENOENT { return nil }
      if error.isShortage { throw error }
      return try Remains.unreadable(error, of: id, in: self)
    }
  }
}
