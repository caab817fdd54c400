import Glibc
import Linux
import TestSupport
import Testing

@Suite(.endToEnd, .serialized) struct LifeTests {
  @Test func aStubbornTreeIsGoneAfterStop() async throws {
    try await Host.with { host in
      let marker = "86\(Random.bytes(2).map { String($0) }.joined())"
      let script = """
        trap '' TERM
        (setsid sh -c 'trap "" TERM HUP INT; (setsid sleep \(marker) &) ; echo deep; sleep \(marker)' &)
        sleep \(marker)
        """
      let id = try await host.startJob(["--", "sh", "-c", script])
      let logs = try host.start(["logs", "-f", id])
      try await logs.waitForOutput("deep")
      let stop = try await host.worker("stop", id, "--grace", "100ms")
      #expect(stop.code == 0, "\(stop)")
      #expect(Processes.count(argument: marker) == 0)
      #expect(Cgroups.of(job: id).isEmpty)
      #expect(try await host.worker("stop", id).code == 0)  // a finished job is no error
      #expect(try await logs.wait().code == 0)
    }
  }

  @Test func aKilledServerLosesNoJobAndNoOutput() async throws {
    try await Host.with { host in
      let script =
        "echo before; while [ ! -e /tmp/work/go ]; do sleep 0.05; done; echo after; exit 5"
      let id = try await host.startJob(["--name", "survivor", "--", "sh", "-c", script])
      let follower = try host.start(["logs", "-f", id])
      try await follower.waitForOutput("before")
      #expect(try await host.stopServer(SIGKILL)?.end == .signaled(number: SIGKILL))
      try await host.startServer()
      let status = try await host.worker("status", "survivor", "--json")
      #expect(status.text.contains("RUNNING"), "\(status)")
      let file = try File.open("\(host.state)/jobs/\(id)/files/tmp/work/go", O_WRONLY | O_CREAT)
      _ = consume file
      #expect(try await host.worker("wait", id).code == 5)
      #expect(try await host.worker("logs", id).text == "before\nafter\n")
      // The follower of before the crash resumed by itself.
      let outcome = try await follower.wait()
      #expect(outcome.text == "before\nafter\n", "\(outcome)")
    }
  }

  @Test func jobsFinishedBeforeARestartAreListedAfterIt() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--name", "old", "--", "sh", "-c", "echo kept; exit 3"])
      _ = try await host.worker("wait", id)
      let stopped = try await host.stopServer(SIGTERM)
      #expect(stopped?.code == 0, "\(String(describing: stopped))")
      try await host.startServer()
      let list = try await host.worker("list", "--all", "--json")
      #expect(list.text.contains(id) && list.text.contains("EXITED"), "\(list)")
      #expect(try await host.worker("wait", "old").code == 3)
      #expect(try await host.worker("logs", "old").text == "kept\n")
      #expect(try await host.worker("rm", "old").code == 0)
      #expect(try await host.worker("status", "old").code == 125)
      #expect(try host.jobFolders() == [])
      _ = try await host.stopServer()
      #expect(try Folder.names(in: File.openFolder("\(host.state)/jobs")) == [])
      try await host.startServer()
    }
  }

  @Test func aSecondServerOnTheSameStateIsRefused() async throws {
    try await Host.with { host in
      let second = try await host.worker(
        "serve", "--listen", "127.0.0.1:0", "--certs", host.certs, "--state-dir", host.state)
      #expect(second.code == 125, "\(second)")
      #expect(second.stderr.contains(host.state), "\(second)")
    }
  }

  @Test func losingTheClientDoesNotEndTheJob() async throws {
    try await Host.with { host in
      let run = try host.start(["run", "--name", "left", "--", "sh", "-c", "echo up; sleep 1000"])
      try await run.waitForOutput("up")
      run.signal(SIGKILL)
      _ = try await run.wait()
      #expect(try await host.worker("status", "left", "--json").text.contains("RUNNING"))
    }
  }

  @Test func interruptIsForwardedOnceAndStopsWhenRepeated() async throws {
    try await Host.with { host in
      let obedient = try host.start(
        ["run", "--", "sh", "-c", "trap 'exit 9' INT; echo up; while :; do sleep 0.05; done"])
      try await obedient.waitForOutput("up")
      obedient.signal(SIGINT)
      #expect(try await obedient.wait().code == 9)
    }
  }

  /// There may never be another server here.
  @Test func aServerThatIsKilledLeavesNothingWhenItsJobsHaveEnded() async throws {
    try await Host.with { host in
      for _ in 0..<4 {
        // Long enough for the next one to be kept ready.
        #expect(try await host.start(["run", "--", "sleep", "0.3"]).wait().code == 0)
        try await host.stopServer(SIGKILL)
        for keeper in Processes.holders(of: host.state) {
          guard let process = try? PIDFD(process: keeper) else { continue }
          var entries = [pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
          try Poll.wait(&entries)
        }
        #expect(Leftovers.of(server: host.state) == [])
        try await host.startServer()
      }
    }
  }

  /// The end of the output comes before the answer to the stop now and then, and is no failure of it.
  @Test func aSecondInterruptStopsAndSaysSoOnce() async throws {
    try await Host.with { host in
      for _ in 0..<8 {
        let stubborn = try host.start(
          ["run", "--", "sh", "-c", "trap 'echo int' INT; echo up; while :; do sleep 0.05; done"])
        try await stubborn.waitForOutput("up")
        stubborn.signal(SIGINT)
        try await stubborn.waitForOutput("int")  // two at once are one, see signal(7)
        stubborn.signal(SIGINT)
        try await stubborn.waitForError("stopping job")
        let outcome = try await stubborn.wait()
        #expect(outcome.code == 128 + SIGTERM)
        let told = outcome.stderr.split(separator: "\n")
        #expect(told.count == 2 && told[1].contains("stopped by alice"), "\(told)")
      }
    }
  }
}
