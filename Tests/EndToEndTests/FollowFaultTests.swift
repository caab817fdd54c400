import Glibc
import Linux
import TestSupport
import Testing

/// Followers whose client, server, keeper or network comes to harm in the middle.
@Suite(.endToEnd, .serialized) struct FollowFaultTests {
  /// Ten mebibytes: more than windows and socket buffers hold.
  private static let count = 1_500_000

  @Test func aStoppedClientDelaysNobodyAndMissesNothing() async throws {
    try await Host.with { host in
      let job = try await GatedJob.start(host, count: Self.count)
      let stopped = try await job.follower()
      stopped.signal(SIGSTOP)
      var others: [RunningCommand] = []
      for _ in 0..<20 { others.append(try await job.follower()) }
      try job.open()
      for other in others { try await job.expectAll(other) }
      #expect(Processes.state(stopped.pid) == "T")
      #expect(stopped.stdout.count == GatedJob.ready.utf8.count)
      stopped.signal(SIGCONT)
      try await job.expectAll(stopped)
    }
  }

  /// It answers nothing any more, and nothing is told of it by its host.
  @Test func aDeadPeerIsNoticedAndCostsNothingThen() async throws {
    try await Host.with { host in
      try await host.stopServer()
      try await host.startServer(["--dead-peer", "1s"])
      let server = try #require(host.serverPID)
      let job = try await GatedJob.start(host, count: Self.count)
      let before = Processes.sockets(server)
      let dead = try await job.follower()
      #expect(Processes.sockets(server) > before)
      dead.signal(SIGSTOP)
      try job.open()
      try await Self.until("the server has as many sockets as before", host) {
        Processes.sockets(server) == before
      }
      #expect(Processes.state(dead.pid) == "T")
      dead.signal(SIGCONT)  // it was not dead after all, and goes on where it was
      try await job.expectAll(dead)
    }
  }

  @Test func killedClientsCostTheServerNothingAndTheOthersNoByte() async throws {
    try await Host.with { host in
      let server = try #require(host.serverPID)
      let job = try await GatedJob.start(host, count: Self.count, last: "true")
      let before = Processes.sockets(server)
      var followers: [RunningCommand] = []
      for _ in 0..<6 { followers.append(try await job.follower()) }
      try job.open()
      for killed in followers.prefix(3) {
        try await killed.waitForBytes(100_000)
        killed.signal(SIGKILL)
        #expect(try await killed.wait().end == .signaled(number: SIGKILL))
      }
      try job.open("end")
      for other in followers.dropFirst(3) { try await job.expectAll(other) }
      try await Self.until("the server has as many sockets as before", host) {
        Processes.sockets(server) == before
      }
    }
  }

  @Test func aServerThatIsKilledAgainAndAgainCostsNoByteAndDoublesNone() async throws {
    try await Host.with { host in
      let job = try await GatedJob.start(host, count: Self.count, last: "true")
      let followers = [try await job.follower(), try await job.follower()]
      try job.open()
      for bytes in [1, 3_000_000, 6_000_000] as [Int64] {
        try await followers[0].waitForBytes(bytes)
        for follower in followers { follower.signal(SIGSTOP) }
        _ = try await host.stopServer(SIGKILL)
        for follower in followers { follower.signal(SIGCONT) }
        try await host.startServer()
      }
      try job.open("end")
      for follower in followers { try await job.expectAll(follower) }
      #expect(try await host.worker("logs", "--verify", job.id).code == 0)
    }
  }

  @Test func aKilledKeeperLosesOnlyItsOwnJob() async throws {
    try await Host.with { host in
      let lost = try await GatedJob.start(host, count: 10)
      let other = try await GatedJob.start(host, count: Self.count)
      let followers = [try await lost.follower(), try await other.follower()]
      let keeper = try #require(
        Processes.holders(of: "\(host.state)/jobs/\(lost.id)").first { $0 != host.serverPID })
      #expect(kill(keeper, SIGKILL) == 0)
      let outcome = try await followers[0].wait()
      #expect(outcome.text == GatedJob.ready, "\(outcome)")
      let status = try await host.worker("status", lost.id, "--json")
      #expect(status.text.contains("LOST"), "\(status)")
      #expect(try await host.worker("logs", lost.id).text == GatedJob.ready)
      #expect(Cgroups.of(job: lost.id).isEmpty)
      try other.open()
      try await other.expectAll(followers[1])
      #expect(try await host.worker("wait", other.id).code == 0)
    }
  }

  @Test func anInterruptWhileTheServerIsAwayReachesTheJob() async throws {
    try await Host.with { host in
      let run = try host.start(
        ["run", "--", "sh", "-c", "trap 'exit 9' INT; echo up; while :; do sleep 0.05; done"])
      try await run.waitForOutput("up")
      try await host.stopServer(SIGKILL)
      try await run.waitForError("trying again")
      run.signal(SIGINT)
      try await host.startServer()
      let outcome = try await run.wait()
      #expect(outcome.code == 9 && outcome.text == "up\n", "\(outcome)")
    }
  }

  @Test func aClientThatIsToldToEndWhileTheServerIsAwayLeavesTheJobAlone() async throws {
    try await Host.with { host in
      let job = try await GatedJob.start(host, count: 10)
      let run = try host.start(
        ["run", "--name", "left", "--", "sh", "-c", "echo up; \(GatedJob.wait("go")) echo down"])
      try await run.waitForOutput("up")
      try await host.stopServer(SIGKILL)
      try await run.waitForError("trying again")
      run.signal(SIGTERM)
      let outcome = try await run.wait()
      #expect(outcome.code == 128 + SIGTERM, "\(outcome)")
      #expect(outcome.stderr.contains("keeps running"), "\(outcome)")
      try await host.startServer()
      let id = try #require(
        Host.ids(in: try await host.worker("status", "left", "--json").text).first)
      try GatedJob.open("go", of: id, host)
      try job.open()
      #expect(try await host.worker("logs", "-f", "left").text == "up\ndown\n")
    }
  }

  @Test func aHundredMebibytesWithoutANewlineAreOneLine() async throws {
    try await Host.with { host in
      let size = 100 << 20
      let run = try await host.worker(
        "run", "--name", "line", "--", "head", "-c", "\(size)", "/dev/zero")
      #expect(run.code == 0, "\(run.stderr)")
      let expected = [UInt8](repeating: 0, count: size)
      let same = run.stdout == expected
      #expect(same)
      let last = try await host.worker("logs", "--tail", "1", "line")
      let isWhole = last.stdout == expected
      #expect(isWhole)
    }
  }

  /// Looks again after each answer of the server's, which knows of no event for this.
  private static func until(
    _ what: String, _ host: Host, _ isReached: () -> Bool
  ) async throws {
    for _ in 0..<1000 {
      if isReached() { return }
      _ = try await host.worker("version")
    }
    Issue.record("never reached: \(what)")
  }
}
