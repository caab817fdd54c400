import Glibc
import JobStore
import Linux
import Testing

@testable import JobInit

@Suite struct WitnessTests {
  /// A job that is kept ready may wait for hours before it is one.
  @Test func waitingForAJobIsNoPartOfItsLifetime() throws {
    var witness = Witness()
    let hour: Int64 = 3_600_000_000_000
    witness.jobCame(ready: Clock.boot() - hour)
    witness.jobEnded()
    #expect(witness.lifetime == 0)
  }

  @Test(
    arguments: [
      ("memory.events", "oom 1\noom_kill 2\n", true), ("memory.events", "oom_kill 0\n", false),
      ("v1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", true),
      ("v1/memory.oom_control", "oom_kill_disable 1\nunder_oom 0\n", false),
      ("pids.events", "oom_kill 1\n", false),
    ])
  func lackOfMemoryIsSeenInTheCounts(file: String, content: String, isSeen: Bool) {
    #expect(Witness.sawOOMKill([.init(name: file, content: content)]) == isSeen)
  }

  @Test(.enabled(if: getuid() == 0, "needs root: namespaces are made"))
  func aLifetimeHoldsAllOfTheRun() throws {
    let job = try KeeperUnderTest(["sleep", "0.2"])
    let record = try job.finish()
    #expect(try #require(record.lifetime) > 200_000_000)
    // Nobody was killed for lack of memory: there is nothing to ask the kernel's log.
    #expect(!record.evidence.contains { $0.name == KillReport.name })
  }
}
