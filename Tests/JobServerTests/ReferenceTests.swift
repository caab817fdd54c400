import GRPCCore
import JobAPI
import JobEngine
import SwiftProtobuf
import Testing

/// How a request names a job.
@Suite struct ReferenceTests {
  static let jobs = [
    job("aa00000000000000", name: "build", state: .finished, created: 1),
    job("aa11111111111111", name: "build", state: .finished, created: 3),
    job("ab22222222222222", name: "test", state: .finished, created: 4),
    job("ac33333333333333", name: "test", state: .running, created: 2),
    job("ad44444444444444", owner: "bob", name: "deploy", created: 5),
    job("ae55555555555555", owner: "bob", name: "build", created: 6),
    job("af66666666666666", owner: "carol", name: "deploy", created: 7),
    job("b077777777777777", name: "aa0", created: 8),
  ]

  @Test(arguments: [
    ("aa00000000000000", "aa00000000000000"),  // an id
    ("aa1", "aa11111111111111"),  // a unique prefix
    ("ab", "ab22222222222222"),
    ("build", "aa11111111111111"),  // the newest of finished ones, own before others'
    ("test", "ac33333333333333"),  // the unfinished one, though older
    ("aa0", "b077777777777777"),  // a name before a prefix
  ])
  func findsTheJob(reference: String, found: String) async throws {
    for roles in [["user"], ["admin"]] {
      try await withService(FakeEngine(Self.jobs), as: peer("alice", roles: roles)) {
        let job = try await $0.getJob(.with { $0.job = reference }).job
        #expect(job.id == found)
      }
    }
  }

  @Test func ambiguousPrefixListsTheMatches() async throws {
    try await withService(FakeEngine(Self.jobs), as: peer("alice", roles: ["user"])) { service in
      let error = await failure { _ = try await service.getJob(.with { $0.job = "a" }) }
      #expect(error?.code == .invalidArgument)
      for id in Self.jobs.filter({ $0.owner == "alice" && $0.id.description.hasPrefix("a") }) {
        #expect(error?.message.contains(id.id.description) == true)
      }
      #expect(error?.message.contains("ad44") == false)  // not of jobs that are not one's own
    }
  }

  @Test func nameOfSeveralOwnersIsAmbiguousToAnAdmin() async throws {
    try await withService(FakeEngine(Self.jobs), as: peer("root", roles: ["admin"])) { service in
      let error = await failure { _ = try await service.getJob(.with { $0.job = "deploy" }) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains("of bob") == true)
      #expect(error?.message.contains("of carol") == true)
    }
  }

  /// Whoever may name jobs must not decide what an administrator's prefix of an id means.
  @Test func anothersNameThatIsAPrefixIsAmbiguous() async throws {
    try await withService(FakeEngine(Self.jobs), as: peer("root", roles: ["admin"])) { service in
      let error = await failure { _ = try await service.getJob(.with { $0.job = "aa0" }) }
      #expect(error?.code == .invalidArgument)
      for id in ["aa00000000000000", "b077777777777777"] {
        #expect(error?.message.contains(id) == true)
      }
    }
  }

  @Test(arguments: [
    ("", RPCError.Code.invalidArgument), ("nothing", .notFound), ("AA1", .notFound),
  ])
  func whatNamesNoJobIsRefused(reference: String, code: RPCError.Code) async throws {
    try await withService(FakeEngine(Self.jobs), as: peer("alice", roles: ["user"])) { service in
      let error = await failure { _ = try await service.getJob(.with { $0.job = reference }) }
      #expect(error?.code == code)
      #expect(error?.message.contains(reference) == true)
    }
  }
}
