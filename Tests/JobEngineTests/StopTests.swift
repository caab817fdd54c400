import Glibc
import JobEngine
import Linux
import Testing

@Suite(.requiresRoot) struct StopTests {
  @Test func stopIsTermByDefaultAndWithinGrace() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"),
        owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      let status = try await worker.stop(job.id, by: "bob")
      #expect(status.state == .finished)
      #expect(status.verdict?.reason == .stopped)
      #expect(status.verdict?.code == 3)
      #expect(status.verdict?.message == "stopped by bob, exited with code 3")
      #expect(try await collect(worker.output(of: job.id)).text.hasSuffix("bye\n"))
    }
  }

  @Test func stubbornTreeIsKilledWithAllThatEscaped() async throws {
    try await withWorker { worker in
      // Ignores TERM, forks into a session of its own, and again so that nobody is its parent.
      let script = """
        trap '' TERM
        setsid sh -c 'trap "" TERM; sh -c "trap \\"\\" TERM; sleep 987001" & sleep 987001' &
        sleep 987001 & echo ready; wait; while :; do sleep 987001; done
        """
      let job = try await worker.start(shell(script), owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      let status = try await worker.stop(job.id, grace: .milliseconds(100), by: "alice")
      #expect(status.verdict?.reason == .stopped)
      #expect(status.verdict?.signal == SIGKILL)
      #expect(try processes(withArgument: "987001").isEmpty)
    }
  }

  @Test func stoppingAFinishedJobAnswersItsStatus() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("exit 4"), owner: "alice")
      _ = try await worker.wait(job.id)
      let status = try await worker.stop(job.id, by: "alice")
      #expect(status.verdict?.reason == .exited)
      #expect(status.verdict?.code == 4)
    }
  }

  @Test func secondStopWithoutGraceKillsAtOnce() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"), owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      async let patient = worker.stop(job.id, grace: .seconds(1000), by: "alice")
      async let impatient = worker.stop(job.id, grace: .zero, by: "alice")
      let ends = try await [patient, impatient]
      #expect(ends.allSatisfy { $0.verdict?.signal == SIGKILL })
    }
  }

  @Test func signalReachesTheJob() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("trap 'echo usr1; exit 0' USR1; echo ready; while :; do sleep 0.01; done"),
        owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      try await worker.signal(job.id, SIGUSR1)
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .exited)
      #expect(try await collect(worker.output(of: job.id)).text == "ready\nusr1\n")
    }
  }

  @Test func finishedJobCannotBeSignalled() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
      _ = try await worker.wait(job.id)
      await #expect { try await worker.signal(job.id, SIGTERM) } throws: {
        isError($0, .failedPrecondition)
      }
    }
  }

  @Test(arguments: [0, 65, -1]) func badSignalIsRefused(number: Int32) async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
      await #expect { try await worker.signal(job.id, number) } throws: {
        isError($0, .invalidArgument)
      }
    }
  }

  @Test func cancelledCallersAreLetGo() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
      let id = job.id
      let waiting = Task { try await worker.wait(id) }
      let following = Task { try await collect(worker.output(of: id)) }
      waiting.cancel()
      following.cancel()
      await #expect(throws: WorkerError.self) { try await waiting.value }
      await #expect(throws: CancellationError.self) { try await following.value }
    }
  }

  @Test func closeLetsWaitingCallersGoAndJobsRun() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    let waiting = Task { try await worker.wait(job.id) }
    let following = Task { try await collect(worker.output(of: job.id)) }
    await worker.close()
    await #expect { try await waiting.value } throws: { isError($0, .unavailable) }
    await #expect { try await following.value } throws: { isError($0, .unavailable) }
    let next = try await Worker.open(configuration(folder))
    #expect(try await next.status(job.id).state == .running)
    await stopAll(next)
    await next.close()
  }
}

/// The processes of the host that were started with `argument`.
func processes(withArgument argument: String) throws -> [String] {
  try names(in: "/proc").filter { name in
    guard Int32(name) != nil, let line = try? File.readText("/proc/\(name)/cmdline") else {
      return false
    }
    return line.split(separator: "\0").contains { $0 == argument }
  }
}
