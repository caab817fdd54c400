import GRPCNghttp2
import JobEngine
import Linux
package import Logging

/// Says in the log what happens to jobs: started, told to stop, ended, with id and owner. Never what
/// is in their environment.
package struct JobJournal: Sendable {
  private let log: Logger
  private let audit: AuditLog?
  private struct Known: Sendable {
    let id: JobID
    let owner: String
  }

  private let started: AsyncStream<Known>.Continuation
  private let jobs: AsyncStream<Known>
  /// Those whose end is waited for.
  private let known = Lock<Set<JobID>>([])
  /// More than a server takes from the moment it sees no more ends to its last line.
  private static let longestClose: Int64 = 60_000_000_000

  package init(log: Logger, audit: AuditLog? = nil) {
    self.log = log
    self.audit = audit
    (self.jobs, self.started) = AsyncStream.makeStream()
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
    self.started.yield(Known(id: status.id, owner: status.owner))
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
    for job in engine.jobs() {
      self.catchUp(on: job)
      if job.state == .finished {
        await self.catchUp(onEndOf: job, engine)
      } else if self.known.withLock({ $0.insert(job.id).inserted }) {
        self.started.yield(Known(id: job.id, owner: job.owner))
      }
    }
    await withDiscardingTaskGroup { group in
      for await job in self.jobs {
        group.addTask {
          await self.awaitEnd(of: job, engine)
          self.known.withLock { _ = $0.remove(job.id) }
        }
      }
      group.cancelAll()
    }
  }

  private func awaitEnd(of job: Known, _ engine: some JobWorker) async {
    do throws(WorkerError) {
      self.ended(try await engine.wait(job.id))
    } catch {
      // Others: the server is ending, and the next one will tell of the end.
      guard error.code == .notFound else { return }
      var entry = AuditEntry(.ended)
      entry.identity = job.owner
      entry.job = job.id.description
      entry.reason = "removed, or not kept, before its end could be told"
      self.audit?.post(entry)
    }
  }

  func finish() { self.started.finish() }

  /// The start of a job whose server died before it could tell of it.
  private func catchUp(on job: JobSummary) {
    guard let audit, audit.lastTime > 0, job.createTime > audit.lastTime else { return }
    var entry = AuditEntry(.started)
    entry.identity = job.owner
    entry.job = job.id.description
    entry.reason = "told by the next server"
    audit.post(entry)
  }

  /// Ends that came while no server ran, or while it was ending, are in no audit file yet.
  private func catchUp(onEndOf job: JobSummary, _ engine: some JobWorker) async {
    guard let audit, audit.lastTime > 0, !audit.lastEnded.contains(job.id.description),
      let status = try? await engine.status(job.id), let end = status.endTime,
      end > audit.lastTime - Self.longestClose
    else { return }
    self.auditEnd(status)
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
