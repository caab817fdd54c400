import GRPCCore
import JobAPI
import JobEngine
import JobServer
import Linux
import SwiftProtobuf
import Testing

/// Who may do what: each method, by each role, on an own job, on another's, and on none.
@Suite struct AuthorizationTests {
  enum Answer: String, Hashable, Sendable { case allowed, refused, noSuchJob }

  struct Row: Sendable, CustomTestStringConvertible {
    let method: Method
    let roles: [String]
    let own: Answer
    let others: Answer

    var testDescription: String { "\(self.method.rawValue) by \(self.roles)" }
  }

  /// The table of docs/design.md, written out: nothing in it is computed.
  static let table: [Row] = [
    Row(method: .startJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .startJob, roles: ["user"], own: .allowed, others: .allowed),
    Row(method: .startJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .startJob, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .planJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .planJob, roles: ["user"], own: .allowed, others: .allowed),
    Row(method: .planJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .planJob, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .stopJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .stopJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .stopJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .stopJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .signalJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .signalJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .signalJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .signalJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .pauseJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .pauseJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .pauseJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .pauseJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .resumeJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .resumeJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .resumeJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .resumeJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .updateJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .updateJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .updateJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .updateJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .getJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .getJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .getJob, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .getJob, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .listJobs, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .listJobs, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .listJobs, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .listJobs, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .streamOutput, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .streamOutput, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .streamOutput, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .streamOutput, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .waitJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .waitJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .waitJob, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .waitJob, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .removeJob, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .removeJob, roles: ["user"], own: .allowed, others: .noSuchJob),
    Row(method: .removeJob, roles: ["viewer"], own: .refused, others: .refused),
    Row(method: .removeJob, roles: ["user", "viewer"], own: .allowed, others: .noSuchJob),
    Row(method: .getServerInfo, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .getServerInfo, roles: ["user"], own: .allowed, others: .allowed),
    Row(method: .getServerInfo, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .getServerInfo, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .whoAmI, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .whoAmI, roles: ["user"], own: .allowed, others: .allowed),
    Row(method: .whoAmI, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .whoAmI, roles: ["user", "viewer"], own: .allowed, others: .allowed),
    Row(method: .checkAccess, roles: ["admin"], own: .allowed, others: .allowed),
    Row(method: .checkAccess, roles: ["user"], own: .allowed, others: .allowed),
    Row(method: .checkAccess, roles: ["viewer"], own: .allowed, others: .allowed),
    Row(method: .checkAccess, roles: ["user", "viewer"], own: .allowed, others: .allowed),
  ]

  private static let ownID = "aaaaaaaaaaaaaaaa"
  private static let foreignID = "bbbbbbbbbbbbbbbb"
  private static let missingID = "cccccccccccccccc"

  @Test func tableHoldsEveryMethod() {
    #expect(Set(Self.table.map(\.method)) == Set(Method.allCases))
    #expect(Self.table.count == Method.allCases.count * 4)
    let descriptors = Worker_V1_JobService.Method.descriptors
    #expect(Set(descriptors.compactMap(Method.init)).count == descriptors.count)
  }

  @Test(arguments: table) func methodByRoleAndOwner(_ row: Row) async throws {
    let engine = FakeEngine([
      job(Self.ownID, owner: "alice", state: .finished),
      job(Self.foreignID, owner: "bob", state: .finished),
    ])
    try await withService(engine, as: peer("alice", roles: row.roles)) { service in
      let own = try await Self.answer(row.method, on: Self.ownID, service)
      let others = try await Self.answer(row.method, on: Self.foreignID, service)
      #expect(own == row.own)
      #expect(others == row.others)
    }
    let touched = engine.calls.withLock { $0 }.filter { $0.contains(Self.foreignID) }
    #expect(row.others == .allowed || touched.isEmpty, "\(touched)")
  }

  private static let withoutJob: [JobServer.Method] = [
    .startJob, .planJob, .listJobs, .getServerInfo, .whoAmI, .checkAccess,
  ]

  /// Another owner's job and one that does not exist: same code, same words but for the id.
  @Test(arguments: Method.allCases.filter { !Self.withoutJob.contains($0) })
  func foreignAndMissingJobsAnswerAlike(_ method: Method) async throws {
    let engine = FakeEngine([job(Self.foreignID, owner: "bob", name: "build")])
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let missing = await failure { try await Self.call(method, on: Self.missingID, service) }
      for reference in [Self.foreignID, "bbbb", "build"] {
        let foreign = await failure { try await Self.call(method, on: reference, service) }
        #expect(foreign?.code == .notFound)
        #expect(foreign?.message == "no such job '\(reference)'")
        #expect(missing?.message == "no such job '\(Self.missingID)'")
        #expect(foreign?.code == missing?.code && foreign?.metadata == missing?.metadata)
      }
    }
  }

  @Test(arguments: [
    (["user"], "root", Worker_V1_Network.none, RPCError.Code?.some(.permissionDenied)),
    (["user"], "1000", .none, .permissionDenied),
    (["user"], "", .host, .permissionDenied),
    (["user", "viewer"], "root", .none, .permissionDenied),
    (["user"], "", .none, nil),
    (["admin"], "root", .host, nil),
    (["admin", "viewer"], "0:0", .host, nil),
  ])
  func otherUsersAndTheHostsNetworkNeedAdmin(
    roles: [String], user: String, network: Worker_V1_Network, code: RPCError.Code?
  ) async throws {
    let engine = FakeEngine()
    try await withService(engine, as: peer("alice", roles: roles)) { service in
      let refused = await failure {
        _ = try await service.startJob(
          .with {
            $0.spec.command = ["true"]
            $0.spec.user = user
            $0.spec.network = network
          })
      }
      #expect(refused?.code == code)
    }
    #expect(engine.calls.withLock { $0.isEmpty } == (code != nil))
  }

  private static func answer(
    _ method: Method, on job: String, _ service: Service
  ) async throws -> Answer {
    if method == .listJobs {
      return try await service.listJobs(Worker_V1_ListJobsRequest()).jobs.contains { $0.id == job }
        ? .allowed : .noSuchJob
    }
    let refusal = await failure { try await self.call(method, on: job, service) }
    switch refusal?.code {
    case nil: return .allowed
    case .permissionDenied: return .refused
    case .notFound: return .noSuchJob
    default: throw try #require(refusal)
    }
  }

  static func call(_ method: Method, on job: String, _ service: Service) async throws {
    switch method {
    case .startJob: _ = try await service.startJob(.with { $0.spec.command = ["true"] })
    case .planJob: _ = try await service.planJob(.with { $0.spec.command = ["true"] })
    case .stopJob: _ = try await service.stopJob(.with { $0.job = job })
    case .signalJob:
      _ = try await service.signalJob(
        .with {
          $0.job = job
          $0.signal = "HUP"
        })
    case .pauseJob: _ = try await service.pauseJob(.with { $0.job = job })
    case .resumeJob: _ = try await service.resumeJob(.with { $0.job = job })
    case .updateJob:
      _ = try await service.updateJob(
        .with {
          $0.job = job
          $0.limits.pids = 10
        })
    case .getJob: _ = try await service.getJob(.with { $0.job = job })
    case .listJobs: _ = try await service.listJobs(Worker_V1_ListJobsRequest())
    case .streamOutput:
      try await service.streamOutput(.with { $0.job = job }) { response in
        for try await _ in response.messages {}
      }
    case .waitJob: _ = try await service.waitJob(.with { $0.job = job })
    case .removeJob: _ = try await service.removeJob(.with { $0.job = job })
    case .whoAmI: _ = try await service.whoAmI(Worker_V1_WhoAmIRequest())
    case .checkAccess: _ = try await service.checkAccess(.with { $0.method = "StopJob" })
    case .getServerInfo: _ = try await service.getServerInfo(Worker_V1_GetServerInfoRequest())
    }
  }
}
