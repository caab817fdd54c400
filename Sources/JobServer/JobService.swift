package import GRPCCore
package import JobAPI
import JobEngine
import Linux
import SwiftProtobuf

/// What the server says of itself.
package struct ServerInformation: Hashable, Sendable {
  let version: String
  let cgroupVersion: String

  package init(version: String, cgroupVersion: String) {
    self.version = version
    self.cgroupVersion = cgroupVersion
  }
}

/// The API over the engine. Each method converts, authorizes, calls and converts; the role was
/// checked by `Gate` before.
package struct JobService<Engine: JobWorker>: Worker_V1_JobService.SimpleServiceProtocol {
  let engine: Engine
  private let information: ServerInformation
  let journal: JobJournal
  private let longCalls: LongCalls
  private let files: ServerFiles?

  package init(
    engine: Engine, information: ServerInformation, journal: JobJournal, longCalls: LongCalls,
    files: ServerFiles? = nil
  ) {
    self.engine = engine
    self.information = information
    self.journal = journal
    self.longCalls = longCalls
    self.files = files
  }

  package func startJob(
    request: Worker_V1_StartJobRequest, context: ServerContext
  ) async throws -> Worker_V1_StartJobResponse {
    let caller = try context.caller
    let digest = try await request.spec.checkedDigest()
    caller.decision?.concerns(spec: digest)
    let spec = try Authorization.bounded(try JobSpec(request.spec), caller)
    try await caller.allowed(.startJob, spec: digest)
    let requestID = request.requestID.isEmpty ? nil : request.requestID
    let status = try await self.engine.start(
      spec, owner: caller.name, requestID: requestID, requestDigest: digest,
      quota: caller.rights.job.quota)
    self.journal.started(status, by: caller, spec: digest)
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func planJob(
    request: Worker_V1_PlanJobRequest, context: ServerContext
  ) async throws -> Worker_V1_PlanJobResponse {
    let caller = try context.caller
    caller.decision?.concerns(spec: try await request.spec.checkedDigest())
    let spec = try Authorization.bounded(try JobSpec(request.spec), caller)
    try await caller.allowed(.planJob)
    let plan = try await self.engine.plan(
      spec, owner: caller.name, quota: caller.rights.job.quota)
    return Worker_V1_PlanJobResponse(plan, cgroupVersion: self.information.cgroupVersion)
  }

  package func stopJob(
    request: Worker_V1_StopJobRequest, context: ServerContext
  ) async throws -> Worker_V1_StopJobResponse {
    let caller = try context.caller
    let signal = try Signal(apiText: request.signal, empty: "TERM")
    let grace = try request.hasGrace ? Duration(request.grace, field: "grace") : .seconds(10)
    let job = try await self.find(request.job, for: .stopJob, caller)
    self.journal.stopping(job, signal: signal, grace: grace, by: caller)
    // Once told, the job ends without us: a client that is sent away comes back to see it.
    let status = try await self.longCalls.run(Grounds(.stopJob, job, caller)) {
      try await self.engine.stop(
        job.id, signal: signal.number, grace: grace, by: caller.name
      ) { caller.decision?.carriedOut() }
    }
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func signalJob(
    request: Worker_V1_SignalJobRequest, context: ServerContext
  ) async throws -> Worker_V1_SignalJobResponse {
    let caller = try context.caller
    let signal = try Signal(apiText: request.signal)
    let job = try await self.find(request.job, for: .signalJob, caller)
    try await self.engine.signal(job.id, signal.number, by: caller.name)
    self.journal.signaled(job, signal: signal, by: caller)
    return Worker_V1_SignalJobResponse()
  }

  package func getJob(
    request: Worker_V1_GetJobRequest, context: ServerContext
  ) async throws -> Worker_V1_GetJobResponse {
    let job = try await self.find(request.job, for: .getJob, try context.caller)
    let status = try await self.engine.status(job.id)
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func listJobs(
    request: Worker_V1_ListJobsRequest, context: ServerContext
  ) async throws -> Worker_V1_ListJobsResponse {
    let caller = try context.caller
    var page = try ListPage(request)
    let filter = JobFilter(request)
    for job in self.engine.jobs()
    where page.begins(before: job)
      && Authorization.allows(.listJobs, onJobOf: job.owner, caller) && filter.selects(job)
    {
      do throws(WorkerError) {
        let message = Worker_V1_Job(try await self.engine.status(job.id))
        if !page.add(message, for: job) { break }
      } catch {
        if error.code != .notFound { throw error }  // it was removed meanwhile
      }
    }
    return page.response
  }

  package func streamOutput(
    request: Worker_V1_StreamOutputRequest,
    response: RPCWriter<Worker_V1_StreamOutputResponse>, context: ServerContext
  ) async throws {
    let caller = try context.caller
    let job = try await self.find(request.job, for: .streamOutput, caller)
    let wanted = try OutputRequest(request, job: job.id)
    guard wanted.follow else {
      return try await self.send(wanted, of: job.id, to: response)
    }
    try await self.longCalls.run(Grounds(.streamOutput, job, caller)) {
      try await self.send(wanted, of: job.id, to: response)
    }
  }

  package func waitJob(
    request: Worker_V1_WaitJobRequest, context: ServerContext
  ) async throws -> Worker_V1_WaitJobResponse {
    let caller = try context.caller
    let job = try await self.find(request.job, for: .waitJob, caller)
    let status = try await self.longCalls.run(Grounds(.waitJob, job, caller)) {
      try await self.engine.wait(job.id)
    }
    return .with { $0.job = Worker_V1_Job(status) }
  }

  package func removeJob(
    request: Worker_V1_RemoveJobRequest, context: ServerContext
  ) async throws -> Worker_V1_RemoveJobResponse {
    let caller = try context.caller
    let job = try await self.find(request.job, for: .removeJob, caller)
    try await self.engine.remove(job.id)
    self.journal.removed(job, by: caller)
    return Worker_V1_RemoveJobResponse()
  }

  package func getServerInfo(
    request: Worker_V1_GetServerInfoRequest, context: ServerContext
  ) async throws -> Worker_V1_GetServerInfoResponse {
    let caller = try context.caller
    return .with {
      $0.version = self.information.version
      $0.identity = caller.name
      $0.roles = caller.roles
      $0.cgroupVersion = self.information.cgroupVersion
      if let files { $0.configuration = files.message }
    }
  }

  /// The job that `reference` names, among those the caller may use `method` on. `check` says what else is
  /// not allowed.
  func find(
    _ reference: String, for method: Method, _ caller: Caller,
    check: () throws(RPCError) -> Void = {}
  ) async throws(RPCError) -> JobSummary {
    let job = try JobReference(reference).resolve(in: self.engine, for: method, caller)
    caller.decision?.concerns(job: job.id.description)
    try check()
    try await caller.allowed(method, job: job.id.description)
    return job
  }

  private func send(
    _ wanted: OutputRequest, of job: JobID, to response: RPCWriter<Worker_V1_StreamOutputResponse>
  ) async throws {
    let output = try self.engine.output(
      of: job, from: wanted.cursor, view: wanted.view, follow: wanted.follow)
    var sent = SentBytes()
    for try await event in output {
      switch event {
      case .start(let cursor):
        try await response.write(.with { $0.start.cursor = cursor.description })
      case .chunk(let chunk):
        guard wanted.streams.contains(chunk.stream) else { continue }
        sent.add(chunk)
        try await response.write(Worker_V1_StreamOutputResponse(chunk))
      case .gap(let gap):
        guard wanted.streams.contains(gap.stream) else { continue }
        try await response.write(Worker_V1_StreamOutputResponse(gap))
      case .end(let end):
        // Removed at this moment: its output came whole all the same.
        let status = end.complete ? try? await self.engine.status(job) : nil
        try await response.write(Worker_V1_StreamOutputResponse(end, sent: sent, job: status))
      }
    }
  }
}
