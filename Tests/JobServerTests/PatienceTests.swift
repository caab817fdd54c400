import GRPCCore
import JobAPI
import JobClient
import Linux
import Testing

/// How long a client bears with a server that goes away again and again.
@Suite struct PatienceTests {
  private static let gone = ScriptedService.Step.stream([], ClientTests.lost)

  /// Each call lasts an hour, in which the job says nothing.
  @Test func outagesOfASilentJobThatLieApartAreNotAddedUp() async throws {
    let steps = Array(repeating: Self.gone, count: 200) + [.stream([end(0)], nil)]
    let clock = Lock<Int64>(0)
    let hours: @Sendable () -> Int64 = {
      clock.withLock {
        $0 += 3_600_000_000_000
        return $0
      }
    }
    let record = try await withClient(steps, now: hours) { client, _ in
      let end = try await client.output(of: OutputRequest(job: "silent")) { _ in }
      #expect(end.complete)
    }
    #expect(record.pauses.count == 200)
    #expect(record.pauses.allSatisfy { $0 < .seconds(1) })
  }

  @Test func aServerThatSendsEverybodyAwayAtOnceIsGivenUp() async throws {
    let steps = Array(repeating: Self.gone, count: 200)
    let record = try await withClient(steps) { client, _ in
      let error = await failure {
        _ = try await client.output(of: OutputRequest(job: "silent")) { _ in }
      }
      #expect(error == ClientTests.lost)
    }
    #expect(record.pauses.reduce(.zero, +) < .seconds(70))
  }
}
