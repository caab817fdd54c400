import GRPCCore
import GRPCNghttp2
import JobAPI
import JobServer
import Linux
import Logging
import SwiftProtobuf
import TestSupport
import Testing

/// Who the caller is, from a certificate that the transport has verified.
@Suite struct IdentityTests {
  @Test func nameAndRolesComeFromTheCertificate() async throws {
    try await withService(FakeEngine(), as: peer("alice", roles: ["user", "viewer", "x"])) {
      let information = try await $0.getServerInfo(Worker_V1_GetServerInfoRequest())
      #expect(information.identity == "alice")
      #expect(information.roles == ["user", "viewer"])
      #expect(information.version == "1.2.3")
      #expect(information.cgroupVersion == "v2")
    }
  }

  @Test(arguments: [
    [],
    ["spiffe://worker.local/user/alice", "spiffe://worker.local/user/bob"],
    ["spiffe://worker.local/user/alice", "https://example.org"],
    ["spiffe://other.local/user/alice"],
    ["spiffe://worker.local"],
    ["spiffe://worker.local/user"],
    ["spiffe://worker.local/user/"],
    ["spiffe://worker.local/user/alice/"],
    ["spiffe://worker.local/user/alice/x"],
    ["spiffe://worker.local/users/alice"],
    ["spiffe://worker.local/server/alice"],
    ["spiffe://worker.local:7443/user/alice"],
    ["spiffe://root@worker.local/user/alice"],
    ["spiffe://worker.local/user/alice?x"],
    ["spiffe://worker.local/user/al%69ce"],
    ["spiffe://worker.local/user/.."],
    ["spiffe://worker.local/user/-alice"],
    ["SPIFFE://worker.local/user/alice"],
    ["spiffe://WORKER.LOCAL/user/alice"],
    ["spiffe://worker.local/user/" + String(repeating: "a", count: 64)],
  ])
  func anyOtherURIIsNoIdentity(_ uris: [String]) async throws {
    try await withService(FakeEngine(), as: peer(uris: uris, roles: ["admin"])) { service in
      let refusal = await failure {
        _ = try await service.listJobs(Worker_V1_ListJobsRequest())
      }
      #expect(refusal?.code == .unauthenticated)
      #expect(refusal?.message.contains("spiffe://worker.local/user/NAME") == true)
    }
  }

  @Test func noCertificateIsNobody() async throws {
    try await withService(FakeEngine(), as: nil) { service in
      let refusal = await failure {
        _ = try await service.getServerInfo(Worker_V1_GetServerInfoRequest())
      }
      #expect(refusal?.code == .unauthenticated)
    }
  }

  @Test(arguments: [[], ["operator"], ["Admin"], ["admin "], ["user,admin"]])
  func unknownRolesAllowNothing(_ roles: [String]) async throws {
    try await withService(FakeEngine(), as: peer("alice", roles: roles)) { service in
      let refusal = await failure {
        _ = try await service.getServerInfo(Worker_V1_GetServerInfoRequest())
      }
      #expect(refusal?.code == .permissionDenied)
      #expect(refusal?.message.contains("'alice'") == true)
    }
  }

  @Test func methodsNobodyDecidedAboutAreRefused() {
    #expect(
      Method(MethodDescriptor(fullyQualifiedService: "worker.v1.JobService", method: "X")) == nil)
    #expect(Method(MethodDescriptor(fullyQualifiedService: "other", method: "GetJob")) == nil)
  }

  @Test func refusalsAreLoggedOnceWithWhoAndWhy() async throws {
    let lines = Lock<[String]>([])
    try await withService(
      FakeEngine(), as: peer("victor", roles: ["viewer"]),
      log: .lines { line in lines.withLock { $0.append(line) } }
    ) { service in
      _ = await failure {
        _ = try await service.startJob(
          .with {
            $0.spec.command = ["true"]
            $0.spec.environment = ["SECRET": "hunter2"]
          })
      }
    }
    let refusals = lines.withLock { $0 }.filter { $0.contains("refused") }
    #expect(refusals.count == 1)
    #expect(refusals.first?.contains("by=victor") == true)
    #expect(refusals.first?.contains("method=StartJob") == true)
    #expect(!lines.withLock { $0 }.joined().contains("hunter2"))
  }
}
