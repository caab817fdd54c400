import GRPCCore
import JobAPI
import JobClient
import SwiftProtobuf
import TestSupport
import Testing

@testable import JobServer

/// How large a request may be, and that the largest one is taken.
@Suite struct SpecSizeTests {
  private func spec(entries: Int) -> Worker_V1_JobSpec {
    .with { spec in
      spec.command = ["true"]
      spec.binds = [Worker_V1_Bind()]
      spec.limits.resources = ["nofile": Worker_V1_ResourceLimit()]
      for number in 0..<entries - 2 { spec.environment["\(number)"] = "" }
    }
  }

  /// Many short ones cost far more time than their bytes tell.
  @Test func specsOfTooManyEntriesAreRefused() throws {
    #expect(throws: Never.self) { try self.spec(entries: 4096).checkSize() }
    let error = #expect(throws: RPCError.self) { try self.spec(entries: 4097).checkSize() }
    #expect(
      error?.message == "environment, labels, resources and mounts are 4097 together: at most 4096 "
        + "are possible")
  }

  @Test(arguments: [10, 500_000]) func specsOfAnySizeHaveTheirDigest(bytes: Int) async throws {
    let spec = Worker_V1_JobSpec.with { $0.command = [String(repeating: "x", count: bytes)] }
    #expect(try await spec.checkedDigest() == spec.digest)
  }

  @Test func specsThatAreTooLargeHaveNoDigest() async throws {
    let spec = Worker_V1_JobSpec.with { $0.command = [String(repeating: "x", count: 2 << 20)] }
    let error = await failure { _ = try await spec.checkedDigest() }
    #expect(error?.code == .invalidArgument)
  }

  @Test func requestsBeyondWhatTheirMethodNeedsAreRefusedUnread() async throws {
    let engine = FakeEngine()
    try await withServer(engine, certificates: try TestCertificates()) { server in
      let client = try server.client("admin")
      let error = await failure { _ = try await client.get(String(repeating: "x", count: 40_000)) }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message.hasSuffix("larger than the limit of 32768") == true)
      let command = ["true", String(repeating: "x", count: (1 << 20) - 100)]
      let job = try await client.start(.with { $0.command = command })
      #expect(job.command == command)
    }
  }
}
