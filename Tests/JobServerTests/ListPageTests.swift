import GRPCCore
import JobAPI
import JobEngine
import Linux
import SwiftProtobuf
import Testing

/// Lists come in pages that fit into a message.
@Suite struct ListPageTests {
  /// The sizes of the pages of a list of jobs with `bytes` in their commands.
  private func pages(of jobs: Int, bytes: Int = 1, size: Int32 = 0) async throws -> [Int] {
    let ids = (0..<jobs).map { "aaaaaaaaaaaa\(1000 + $0)" }
    let engine = FakeEngine(
      ids.enumerated().map { index, id in
        var status = job(id, created: Int64(index / 2))
        status.spec.command = [String(repeating: "x", count: bytes)]
        return status
      })
    let sizes = Lock<[Int]>([])
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      var request = Worker_V1_ListJobsRequest.with { $0.pageSize = size }
      var seen: [String] = []
      repeat {
        let page = try await service.listJobs(request)
        sizes.withLock { $0.append(page.jobs.count) }
        seen += page.jobs.map(\.id)
        request.pageToken = page.nextPageToken
      } while !request.pageToken.isEmpty
      #expect(seen == ids)
    }
    return sizes.withLock { $0 }
  }

  @Test func aPageHoldsWhatWasAskedFor() async throws {
    #expect(try await self.pages(of: 0, size: 2) == [0])
    #expect(try await self.pages(of: 4, size: 2) == [2, 2])
    #expect(try await self.pages(of: 5, size: 2) == [2, 2, 1])
    #expect(try await self.pages(of: 5) == [5])
  }

  @Test func aPageIsBounded() async throws {
    #expect(try await self.pages(of: 501, size: 1000) == [500, 1])
    #expect(try await self.pages(of: 5, bytes: 500_000) == [2, 2, 1])
    #expect(try await self.pages(of: 2, bytes: 2 << 20) == [1, 1])
  }

  @Test(
    arguments: [(-1, ""), (0, "x"), (0, "1"), (0, "1.x"), (0, "1.aaaaaaaaaaaaaaaa.2")]
      as [(Int32, String)])
  func otherPagesAreRefused(size: Int32, token: String) async throws {
    try await withService(FakeEngine(), as: peer("alice", roles: ["user"])) { service in
      let error = await failure {
        _ = try await service.listJobs(
          .with {
            $0.pageSize = size
            $0.pageToken = token
          })
      }
      #expect(error?.code == .invalidArgument)
    }
  }
}
