import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite(.requiresRoot, .serialized) struct PauseTests {
  private static let counting = "trap 'echo term; exit 3' TERM; echo ready; while :; do :; done"

  private func start(_ worker: Worker, _ change: (inout JobSpec) -> Void = { _ in }) async throws
    -> JobID
  {
    var spec = shell(Self.counting)
    change(&spec)
    let job = try await worker.start(spec, owner: "alice")
    try await waitForOutput("ready", of: job.id, worker)
    return job.id
  }

  @Test func aPausedJobUsesNoProcessorTimeUntilItIsResumed() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      let first = try await worker.pause(id)
      #expect(first.isPaused && first.state == .running)
      let again = try await worker.pause(id)
      #expect(again.isPaused)
      // The kernel's own count, which nothing can add to now.
      #expect(again.usage.cpuTime == first.usage.cpuTime)
      #expect(try await !worker.resume(id).isPaused)
      #expect(try await !worker.resume(id).isPaused)
      #expect(try await worker.stop(id, by: "bob").verdict?.code == 3)
    }
  }

  @Test func aStopLetsAPausedJobReact() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      _ = try await worker.pause(id)
      let status = try await worker.stop(id, grace: .seconds(100), by: "bob")
      #expect(status.verdict?.code == 3)
      #expect(try await collect(worker.output(of: id)).text == "ready\nterm\n")
    }
  }

  @Test func callsThatPauseAJobTakeTurns() async throws {
    let record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    let job = Job(id: .random(), record: record)
    try await job.takeFreezingTurn()
    let second = Task { try await job.takeFreezingTurn() }
    let third = Task { try await job.takeFreezingTurn() }
    second.cancel()
    await #expect { try await second.value } throws: { isError($0, .cancelled) }
    job.isFreezing.change { $0 = false }
    try await third.value
    #expect(job.isFreezing.value)
  }

  @Test func manyCallsPauseAndResumeOneJob() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<40 {
          group.addTask {
            _ = try await index % 2 == 0 ? worker.pause(id) : worker.resume(id)
          }
        }
        try await group.waitForAll()
      }
      #expect(try await worker.pause(id).isPaused)
      #expect(try await worker.stop(id, grace: .zero, by: "bob").verdict?.reason == .stopped)
    }
  }

  /// Its cgroups go before its end is written down: nobody is to be told of what is not there.
  @Test func aJobWhoseCgroupIsGoneIsWaitedFor() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      let job = try worker.job(id)
      let cgroup = try await worker.cgroup(of: job)
      #expect(try await !worker.isEnding(job, cgroup))
      let gone = Cgroup(unified: "/sys/fs/cgroup/no-such-folder", legacy: [])
      async let isOver = worker.isEnding(job, gone)
      _ = try await worker.stop(id, grace: .zero, by: "bob")
      #expect(try await isOver && job.state.value.isOver)
    }
  }

  /// More than a pipe holds, and a frozen PID 1 takes none.
  @Test func signalsWithoutEndToAPausedJobHoldUpNoStop() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      _ = try await worker.pause(id)
      // SIGWINCH, which ends nobody who does not wait for it.
      for _ in 0..<70_000 {
        do { try await worker.signal(id, 28) } catch {
          #expect(isError(error, .resourceExhausted), "\(error)")  // the keeper is behind
        }
      }
      // Its SIGTERM finds no room, and must come through all the same.
      let status = try await worker.stop(id, grace: .seconds(1000), by: "bob")
      #expect(status.verdict?.code == 3)
    }
  }

  @Test func moreOrdersThanAKeeperTakesAreRefused() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      let keeper = try #require(try worker.job(id).state.value.start?.keeper.pid)
      kill(keeper, SIGSTOP)
      // SIGWINCH, which ends nobody who does not wait for it.
      await #expect { for _ in 0..<100_000 { try await worker.signal(id, 28) } } throws: {
        isError($0, .resourceExhausted) && "\($0)".contains("try again")
      }
      kill(keeper, SIGCONT)
      var status: JobStatus?
      while status == nil {
        do { status = try await worker.stop(id, grace: .zero, by: "bob") } catch {
          #expect(isError(error, .resourceExhausted), "\(error)")
          await Task.yield()
        }
      }
      #expect(status?.verdict?.reason == .stopped)
    }
  }

  @Test func aKillEndsAPausedJob() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      _ = try await worker.pause(id)
      let status = try await worker.stop(id, grace: .zero, by: "bob")
      #expect(status.verdict?.reason == .stopped)
      #expect(try await !collect(worker.output(of: id)).text.contains("term"))
    }
  }

  @Test func aSignalKILLEndsAPausedJob() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      _ = try await worker.pause(id)
      try await worker.signal(id, 9, by: "bob")
      #expect(
        try await worker.wait(id).verdict?.message == "ended by signal KILL, sent by bob")
    }
  }

  @Test func aTimeoutEndsAPausedJob() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker) { $0.timeout = .seconds(2) }
      _ = try await worker.pause(id)
      let status = try await worker.wait(id)
      #expect(status.verdict?.reason == .timedOut)
      #expect(status.verdict?.code == 3)
    }
  }

  @Test func whatIsFinishedCannotBePaused() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
      _ = try await worker.wait(job.id)
      await #expect { try await worker.pause(job.id) } throws: {
        isError($0, .failedPrecondition) && "\($0)".contains("has finished")
      }
    }
  }

  /// As a pause that was on its way when the job ended and was removed.
  @Test func aJobThatIsRemovedDuringAPauseHasFinished() async throws {
    try await withWorker { worker in
      let id = try await self.start(worker)
      let job = try worker.job(id)
      _ = try await worker.stop(id, grace: .zero, by: "bob")
      try await worker.remove(id)
      await #expect { try await worker.cgroup(of: job, toFreeze: true) } throws: {
        isError($0, .failedPrecondition) && "\($0)".contains("has finished")
      }
    }
  }

  @Test func aPauseOutlivesTheWorker() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let id = try await self.start(first)
    _ = try await first.pause(id)
    await first.close()
    let second = try await Worker.open(configuration(folder))
    #expect(try await second.status(id).isPaused)
    #expect(try await !second.resume(id).isPaused)
    _ = try await second.pause(id)
    #expect(try await second.stop(id, grace: .seconds(100), by: "bob").verdict?.code == 3)
    await second.close()
  }

  @Test(.requiresLegacyCgroups) func theOldFreezerDoesTheSame() async throws {
    let folder = try TemporaryFolder()
    let worker = try await legacyWorker(folder)
    let killed = try await self.start(worker)
    #expect(try await worker.pause(killed).isPaused)
    #expect(try await worker.stop(killed, grace: .zero, by: "b").verdict?.reason == .stopped)
    let stopped = try await self.start(worker)
    #expect(try await worker.pause(stopped).isPaused)
    #expect(try await !worker.resume(stopped).isPaused)
    #expect(try await worker.pause(stopped).isPaused)
    #expect(try await worker.stop(stopped, grace: .seconds(100), by: "b").verdict?.code == 3)
    await worker.close()
  }
}

@Suite(.requiresRoot, .serialized) struct CPUTimeTests {
  @Test func aBudgetEndsAJobWithEvidence() async throws {
    try await withWorker { worker in
      // Two that burn: the budget is the job's, not a process's.
      var spec = shell("(while :; do :; done) & while :; do :; done")
      spec.cpuTime = .milliseconds(300)
      let job = try await worker.start(spec, owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .timedOut)
      #expect(status.verdict?.message.hasPrefix("ended by its budget of processor time") == true)
      #expect(status.usage.cpuTime >= .milliseconds(300))
      #expect(status.spec.cpuTime == .milliseconds(300))
    }
  }

  @Test func aJobThatSleepsUsesNothingOfIt() async throws {
    try await withWorker { worker in
      var spec = shell("sleep 1; echo done")
      spec.cpuTime = .milliseconds(500)
      let job = try await worker.start(spec, owner: "alice")
      #expect(try await worker.wait(job.id).verdict?.code == 0)
    }
  }

  @Test func theKeeperKeepsItWhileTheWorkerIsAway() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    var spec = shell("echo ready; while :; do :; done")
    spec.cpuTime = .milliseconds(500)
    let job = try await first.start(spec, owner: "alice")
    let path = "\(folder.path)/state/jobs/\(job.id)"
    let inotify = try Inotify()
    _ = try inotify.watch(path)
    await first.close()
    // Nobody but the keeper is there to end it.
    var entries = [pollfd(fd: inotify.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    while !File.exists(path: "\(path)/exit") {
      try Poll.wait(&entries, milliseconds: 10_000)
      _ = inotify.read()
    }
    let second = try await Worker.open(configuration(folder))
    #expect(try await second.wait(job.id).verdict?.reason == .timedOut)
    #expect(try await second.status(job.id).spec.cpuTime == .milliseconds(500))
    await second.close()
  }

  @Test func aBudgetOfNothingIsRefused() async throws {
    var spec = JobSpec(command: ["true"])
    spec.cpuTime = .zero
    #expect(throws: WorkerError.self) { try spec.validate() }
  }
}
