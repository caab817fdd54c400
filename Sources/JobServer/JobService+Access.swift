package import GRPCCore
package import JobAPI
import JobEngine

/// The methods by which people find out about their rights.
extension JobService {
  package func whoAmI(
    request: Worker_V1_WhoAmIRequest, context: ServerContext
  ) async throws -> Worker_V1_WhoAmIResponse {
    Worker_V1_WhoAmIResponse(try context.caller)
  }

  package func checkAccess(
    request: Worker_V1_CheckAccessRequest, context: ServerContext
  ) async throws -> Worker_V1_CheckAccessResponse {
    let caller = try context.caller
    let check = try AccessCheck(request, by: caller)
    guard !request.job.isEmpty else {
      try await caller.allowed(.checkAccess)
      return check.answer(owner: nil)
    }
    // A job is only told of to whom may see it.
    return check.answer(owner: try await self.find(request.job, for: .getJob, caller).owner)
  }
}
