import GRPCNghttp2
import JobEngine
import Linux
package import Logging

/// Says in the log what happens to jobs: started, told to stop, ended, with id and owner. Never what
/// is in their environment.
package struct JobJournal: Sendable {
  private let log: Logger
  private let audit: AuditLog?
  private let started: AsyncStream<JobID>.Continuation
  private let ids: AsyncStream<JobID>
  /// Those whose end is waited for.
  private let known = Lock<Set<JobID>>([])

  package init(log: Logger, audit: AuditLog? = nil) {
    self.log = log
    self.audit = audit
    (self.ids, self.started) = AsyncStream.makeStream()
  }

  /// `spec`: its digest. A job may have ended by now.
  func started(_ status: JobStatus, by caller: Caller, spec: String) {
    guard !status.isRepeated, self.known.withLock({ $0.insert(status.id).inserted }) else { return }
    let command = status.spec.command.joined(separator: " ")
    self.log.info(
      "job started",
      metadata: [
        "job": "\(status.id)", "owner": "\(status.owner)", "name": "\(status.spec.name ?? "")",
        "command": "\(LineLog.cut(command))",
      ])
    if let audit {
      var entry = AuditEntry(.started)
      entry.identity = status.owner
      entry.serial = caller.certificate.serial
      entry.job = status.id.description
      entry.spec = spec
      audit.post(entry)
    }
    self.started.yield(status.id)
  }

  func stopping(_ job: JobSummary, signal: Signal, grace: Duration, by caller: Caller) {
    self.log.info(
      "job told to stop",
      metadata: [
        "job": "\(job.id)", "owner": "\(job.owner)", "by": "\(caller.name)",
        "signal": "\(signal)", "grace": "\(grace)",
      ])
  }

  func signaled(_ job: JobSummary, signal: Signal, by caller: Caller) {
    self.log.info(
      "job signaled",
      metadata: [
        "job": "\(job.id)", "owner": "\(job.owner)", "by": "\(caller.name)",
        "signal": "\(signal)",
      ])
  }

  /// `what`: as `paused`.
  func changed(_ job: JobSummary, _ what: String, by caller: Caller) {
    self.log.info(
      "job \(what)",
      metadata: ["job": "\(job.id)", "owner": "\(job.owner)", "by": "\(caller.name)"])
  }

  func removed(_ job: JobSummary, by caller: Caller) {
    self.log.info(
      "job removed",
      metadata: ["job": "\(job.id)", "owner": "\(job.owner)", "by": "\(caller.name)"])
  }

  /// Waits for the end of every job that runs now or is started later, and says so, until `finish`.
  func follow(_ engine: some JobWorker) async {
    for job in engine.jobs() where job.state != .finished {
      let isNew = self.known.withLock { $0.insert(job.id).inserted }
      if isNew { self.started.yield(job.id) }
    }
    await self.catchUp(engine)
    await withDiscardingTaskGroup { group in
      for await id in self.ids {
        group.addTask {
          // An error: the engine is closing, and the next one will tell of the end.
          if let status = try? await engine.wait(id) { self.ended(status) }
          self.known.withLock { _ = $0.remove(id) }
        }
      }
      group.cancelAll()
    }
  }

  func finish() { self.started.finish() }

  /// Ends that came while no server ran are in no audit file yet.
  private func catchUp(_ engine: some JobWorker) async {
    guard let audit, audit.lastTime > 0 else { return }
    for job in engine.jobs() where job.state == .finished {
      guard let status = try? await engine.status(job.id), let end = status.endTime,
        end > audit.lastTime
      else { continue }
      self.auditEnd(status)
    }
  }

  private func auditEnd(_ status: JobStatus) {
    var entry = AuditEntry(.ended)
    entry.identity = status.owner
    entry.job = status.id.description
    entry.reason = status.verdict?.message ?? "unknown"
    self.audit?.post(entry)
  }

  private func ended(_ status: JobStatus) {
    self.auditEnd(status)
    self.log.info(
      "job ended",
      metadata: [
        "job": "\(status.id)", "owner": "\(status.owner)",
        "verdict": "\(status.verdict?.message ?? "unknown")",
      ])
  }
}
