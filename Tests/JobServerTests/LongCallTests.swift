import GRPCCore
import JobAPI
import JobEngine
import Linux
import Testing

@testable import JobServer

/// Calls that last, and what they were allowed on.
@Suite struct LongCallTests {
  /// Read again between the decision about a call and its beginning.
  @Test func aCallThatWasLetInUnderThePolicyBeforeEndsAtOnce() async throws {
    let id = "aaaaaaaaaaaaaaaa"
    let summary = try #require(FakeEngine([job(id, owner: "alice")]).jobs().first)
    let caller = try Caller(
      peer("alice", roles: ["user"]), trustDomain: "worker.local", policy: .builtIn)
    let none = try PolicyFile.parse(#"{"roles": {"admin": {"methods": {"*": "any"}}}}"#, path: "p")
    let calls = LongCalls()
    let error = await failure {
      try await calls.run(Grounds(.streamOutput, summary, caller)) {
        calls.checkAgain(under: .builtIn)  // allows it
      }
      calls.checkAgain(under: none)
      try await calls.run(Grounds(.streamOutput, summary, caller)) { await Forever.wait() }
    }
    #expect(error?.code == .permissionDenied)
    #expect(error?.message.contains("any more") == true)
  }

  @Test func aCallAfterTheEndOfItsCertificateIsRefused() async throws {
    let uris = ["spiffe://worker.local/user/alice"]
    let now = Clock.wall() / 1_000_000_000
    for (end, code) in [(now - 1, RPCError.Code.unauthenticated), (now + 3600, nil)] {
      let alice = peer(uris: uris, roles: ["user"], commonName: "alice", notAfter: end)
      try await withService(FakeEngine(), as: alice) { service in
        let error = await failure { _ = try await service.listJobs(.init()) }
        #expect(error?.code == code)
      }
    }
  }
}
