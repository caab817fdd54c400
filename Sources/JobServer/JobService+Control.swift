package import GRPCCore
package import JobAPI
import JobEngine
import SwiftProtobuf

// What is done to a job that runs, beside ending it.
extension JobService {
  package func pauseJob(
    request: Worker_V1_PauseJobRequest, context: ServerContext
  ) async throws -> Worker_V1_PauseJobResponse {
    let caller = try context.caller
    let job = try await self.find(request.job, for: .pauseJob, caller)
    let status = try await self.engine.pause(job.id)
    self.journal.changed(job, "paused", by: caller)
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func resumeJob(
    request: Worker_V1_ResumeJobRequest, context: ServerContext
  ) async throws -> Worker_V1_ResumeJobResponse {
    let caller = try context.caller
    let job = try await self.find(request.job, for: .resumeJob, caller)
    let status = try await self.engine.resume(job.id)
    self.journal.changed(job, "resumed", by: caller)
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func updateJob(
    request: Worker_V1_UpdateJobRequest, context: ServerContext
  ) async throws -> Worker_V1_UpdateJobResponse {
    let caller = try context.caller
    let changes = try Limits(request.limits)
    let job = try await self.find(request.job, for: .updateJob, caller) { () throws(RPCError) in
      try Authorization.check(changes, caller)
    }
    let status = try await self.engine.update(
      job.id, changes, quota: caller.rights.job.quota)
    self.journal.changed(job, "updated", by: caller)
    return .with { $0.job = Worker_V1_Job(status) }
  }
}
