import Glibc
import Linux
import Testing

/// A state directory on a disk that is really full: a small file system in memory.
@Suite(.endToEnd, .serialized) struct FullStateTests {
  @Test func jobsDoWhatTheirSettingSaysAndNothingElseIsHarmed() async throws {
    try await Host.with { host in
      try await Self.withSmallDisk(host) {
        var jobs: [String: GatedJob] = [:]
        for setting in ["drop-oldest", "block", "stop"] {
          jobs[setting] = try await GatedJob.start(
            host, ["--output-full", setting], count: 100_000, last: "echo last")
        }
        let (dropping, blocking, stopping) = (
          try #require(jobs["drop-oldest"]), try #require(jobs["block"]),
          try #require(jobs["stop"])
        )
        let bystander = try await host.startJob(
          ["--", "sh", "-c", "echo up; \(GatedJob.wait("go")) exit 7"])
        let followers = [
          try await dropping.follower(), try await blocking.follower(),
          try await stopping.follower(),
        ]
        try await Self.fill(host)
        // While nobody writes or ends: each of them may give back a page.
        let start = try await host.worker("start", "--", "true")
        #expect(start.code == 125 && start.stderr.contains("No space left"), "\(start)")
        for job in [dropping, blocking, stopping] { try job.open() }
        try GatedJob.open("go", of: bystander, host)

        #expect(try await host.worker("wait", bystander).code == 7)
        #expect(try await host.worker("logs", bystander).text == "up\n")
        _ = try await host.worker("wait", stopping.id)
        let status = try await host.worker("status", stopping.id)
        #expect(status.text.contains("No space left"), "\(status)")
        #expect(try await host.worker("list").code == 0)

        unlink("\(host.state)/ballast")
        for job in [dropping, blocking] { try job.open("end") }
        #expect(try await host.worker("wait", dropping.id, blocking.id).code == 0)
        try await Self.expectGap(followers[0], in: dropping)
        let blocked = try await followers[1].wait()
        let isWhole = blocked.stdout == blocking.expected + Array("last\n".utf8)
        #expect(isWhole && blocked.code == 0, "\(blocked.stderr)")
        let stopped = try await followers[2].wait()
        #expect(stopped.stderr.contains("No space left"), "\(stopped)")
        #expect(try await host.worker("run", "--", "echo", "again").text == "again\n")
      }
    }
  }

  /// What came is right and its end is there; what is missing was told.
  private static func expectGap(_ follower: RunningCommand, in job: GatedJob) async throws {
    let outcome = try await follower.wait()
    #expect(outcome.stdout.starts(with: Array(GatedJob.ready.utf8)))
    #expect(outcome.text.hasSuffix("last\n"), "\(outcome.stderr)")
    #expect(outcome.stdout.count < job.expected.count)
    #expect(outcome.stderr.contains("No space left"), "\(outcome.stderr)")
  }

  private static func withSmallDisk(
    _ host: Host, _ body: () async throws -> Void
  ) async throws {
    try await host.stopServer()
    try check("mount") { mount("tmpfs", host.state, "tmpfs", 0, "size=16m,mode=700") }
    let result = await Result {
      try await host.startServer()
      try await body()
    }
    await host.stopJobs()
    _ = try await host.stopServer()
    try check("umount") { umount2(host.state, CInt(0)) }
    try await host.startServer()
    try result.get()
  }

  private static func fill(_ host: Host) async throws {
    let isFull = try await host.shell("! cat /dev/zero >\(host.state)/ballast 2>/dev/null")
    try #require(isFull)
  }
}
