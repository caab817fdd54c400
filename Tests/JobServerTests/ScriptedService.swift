import FoundationEssentials
import GRPCCore
import GRPCInProcessTransport
import JobAPI
import JobClient
import Linux
import SwiftProtobuf

/// A server that does what a test says: the connection is lost, the answer comes, in this order.
final class ScriptedService: Worker_V1_JobService.SimpleServiceProtocol {
  enum Step: Sendable {
    case fail(RPCError)
    case answer
    /// Messages of a stream, and then how it breaks off, if it does.
    case stream([Worker_V1_StreamOutputResponse], RPCError?)
  }

  let steps: Lock<[Step]>
  let requests = Lock<[any SwiftProtobuf.Message & Sendable]>([])

  init(_ steps: [Step]) { self.steps = Lock(steps) }

  private func next(_ request: some SwiftProtobuf.Message & Sendable) throws -> Step {
    self.requests.withLock { $0.append(request) }
    let step = self.steps.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    switch step {
    case .fail(let error): throw error
    case .answer, .stream: return step ?? .answer
    case nil: throw RPCError(code: .internalError, message: "nothing more was expected")
    }
  }

  func startJob(
    request: Worker_V1_StartJobRequest, context: ServerContext
  ) async throws -> Worker_V1_StartJobResponse {
    _ = try self.next(request)
    return .with { $0.job.id = "aaaaaaaaaaaaaaaa" }
  }

  func planJob(
    request: Worker_V1_PlanJobRequest, context: ServerContext
  ) async throws -> Worker_V1_PlanJobResponse {
    _ = try self.next(request)
    return Worker_V1_PlanJobResponse()
  }

  func stopJob(
    request: Worker_V1_StopJobRequest, context: ServerContext
  ) async throws -> Worker_V1_StopJobResponse {
    _ = try self.next(request)
    return Worker_V1_StopJobResponse()
  }

  func signalJob(
    request: Worker_V1_SignalJobRequest, context: ServerContext
  ) async throws -> Worker_V1_SignalJobResponse {
    _ = try self.next(request)
    return Worker_V1_SignalJobResponse()
  }

  func pauseJob(
    request: Worker_V1_PauseJobRequest, context: ServerContext
  ) async throws -> Worker_V1_PauseJobResponse {
    _ = try self.next(request)
    return Worker_V1_PauseJobResponse()
  }

  func resumeJob(
    request: Worker_V1_ResumeJobRequest, context: ServerContext
  ) async throws -> Worker_V1_ResumeJobResponse {
    _ = try self.next(request)
    return Worker_V1_ResumeJobResponse()
  }

  func updateJob(
    request: Worker_V1_UpdateJobRequest, context: ServerContext
  ) async throws -> Worker_V1_UpdateJobResponse {
    _ = try self.next(request)
    return Worker_V1_UpdateJobResponse()
  }

  func getJob(
    request: Worker_V1_GetJobRequest, context: ServerContext
  ) async throws -> Worker_V1_GetJobResponse {
    _ = try self.next(request)
    return .with { $0.job.id = "aaaaaaaaaaaaaaaa" }
  }

  func listJobs(
    request: Worker_V1_ListJobsRequest, context: ServerContext
  ) async throws -> Worker_V1_ListJobsResponse {
    _ = try self.next(request)
    return Worker_V1_ListJobsResponse()
  }

  func streamOutput(
    request: Worker_V1_StreamOutputRequest,
    response: RPCWriter<Worker_V1_StreamOutputResponse>, context: ServerContext
  ) async throws {
    guard case .stream(let messages, let error) = try self.next(request) else { return }
    for message in messages { try await response.write(message) }
    if let error { throw error }
  }

  func waitJob(
    request: Worker_V1_WaitJobRequest, context: ServerContext
  ) async throws -> Worker_V1_WaitJobResponse {
    _ = try self.next(request)
    return Worker_V1_WaitJobResponse()
  }

  func removeJob(
    request: Worker_V1_RemoveJobRequest, context: ServerContext
  ) async throws -> Worker_V1_RemoveJobResponse {
    _ = try self.next(request)
    return Worker_V1_RemoveJobResponse()
  }

  func getServerInfo(
    request: Worker_V1_GetServerInfoRequest, context: ServerContext
  ) async throws -> Worker_V1_GetServerInfoResponse {
    _ = try self.next(request)
    return Worker_V1_GetServerInfoResponse()
  }

  func whoAmI(
    request: Worker_V1_WhoAmIRequest, context: ServerContext
  ) async throws -> Worker_V1_WhoAmIResponse {
    _ = try self.next(request)
    return Worker_V1_WhoAmIResponse()
  }

  func checkAccess(
    request: Worker_V1_CheckAccessRequest, context: ServerContext
  ) async throws -> Worker_V1_CheckAccessResponse {
    _ = try self.next(request)
    return Worker_V1_CheckAccessResponse()
  }
}

/// What a client did while a test ran.
struct ClientRecord: Sendable {
  var pauses: [Duration] = []
  var retries: [String] = []
}

/// Runs `body` with a client of a scripted server.
func withClient(
  _ steps: [ScriptedService.Step],
  now: @escaping @Sendable () -> Int64 = { 0 },
  _ body: @Sendable (JobClient<InProcessTransport.Client>, ScriptedService) async throws -> Void
) async throws -> ClientRecord {
  let service = ScriptedService(steps)
  let record = Lock(ClientRecord())
  let transport = InProcessTransport()
  try await withGRPCServer(transport: transport.server, services: [service]) { _ in
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await transport.client.connect() }
      let client = JobClient(
        transport: transport.client,
        pause: { pause in record.withLock { $0.pauses.append(pause) } },
        onRetry: { error, _ in record.withLock { $0.retries.append(error.message) } }, now: now)
      do { try await body(client, service) } catch {
        transport.client.beginGracefulShutdown()
        throw error
      }
      transport.client.beginGracefulShutdown()
      try await group.waitForAll()
    }
  }
  return record.withLock { $0 }
}

/// A piece of output.
func chunk(
  _ text: String, at offset: Int64, cursor: Int, _ stream: Worker_V1_OutputStream = .stdout
) -> Worker_V1_StreamOutputResponse {
  .with {
    $0.chunk.stream = stream
    $0.chunk.data = Data(text.utf8)
    $0.chunk.offset = offset
    $0.chunk.cursor = "aaaaaaaaaaaaaaaa.\(cursor)"
  }
}

func end(_ stdout: Int64, _ stderr: Int64 = 0, cursor: Int = 999) -> Worker_V1_StreamOutputResponse
{
  .with {
    $0.end.complete = true
    $0.end.stdoutBytes = stdout
    $0.end.stderrBytes = stderr
    $0.end.cursor = "aaaaaaaaaaaaaaaa.\(cursor)"
  }
}
