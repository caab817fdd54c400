import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite(.requiresRoot) struct AdoptionTests {
  @Test func runningJobIsAdoptedAndItsEndSeen() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    var spec = shell("echo before; trap 'echo after; exit 5' TERM; while :; do sleep 0.01; done")
    spec.name = "web"
    spec.labels = ["tier": "front"]
    spec.limits.pids = 50
    let job = try await first.start(spec, owner: "alice")
    try await waitForOutput("before", of: job.id, first)
    await first.close()

    let second = try await Worker.open(configuration(folder))
    let adopted = try await second.status(job.id)
    #expect(adopted.state == .running)
    #expect(adopted.spec == job.spec)
    #expect(adopted.owner == "alice")
    #expect(adopted.pid == job.pid)
    #expect(adopted.uid == job.uid)
    #expect(adopted.applied == job.applied)
    #expect(adopted.applied["pids"]?.value == "50")
    #expect(adopted.usage.pids >= 2)
    await #expect { try await second.start(spec, owner: "alice") } throws: {
      isError($0, .alreadyExists)
    }
    let status = try await second.stop(job.id, by: "bob")
    #expect(status.verdict?.code == 5)
    #expect(try await collect(second.output(of: job.id)).text == "before\nafter\n")
    await second.close()
  }

  @Test func aJobThatWasToldToStopIsStillStoppingAfterARestart() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(
      shell("trap '' TERM; echo on; while :; do sleep 0.05; done"), owner: "alice")
    try await waitForOutput("on", of: job.id, first)
    async let stopped = first.stop(job.id, grace: .seconds(1000), by: "alice")
    while try await first.status(job.id).state != .stopping { await Task.yield() }
    await first.close()
    _ = try? await stopped

    let second = try await Worker.open(configuration(folder))
    #expect(try await second.status(job.id).state == .stopping)
    let status = try await second.stop(job.id, grace: .zero, by: "alice")
    #expect(status.verdict?.reason == .stopped)
    await second.close()
  }

  @Test func aJobIsNotHiddenForDamagedLimits() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    var changes = Limits()
    changes.pids = 50
    _ = try await first.update(job.id, changes)
    await first.close()
    let files = try File.openFolder("\(folder.path)/state/jobs/\(job.id)")
    var bytes = try File.read(JobDirectory.limits, in: files)
    bytes[bytes.count / 2] ^= 1
    try File.replace(JobDirectory.limits, in: files, with: bytes)

    let second = try await Worker.open(configuration(folder))
    #expect(try await second.status(job.id).state == .running)
    #expect(second.problems.count == 1 && second.problems[0].contains("was started with are shown"))
    _ = try await second.stop(job.id, grace: .zero, by: "alice")
    await second.close()
  }

  @Test func jobThatEndedMeanwhileIsListedAsFinished() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(shell("echo x; exit 6"), owner: "alice", requestID: "r")
    let before = try await first.wait(job.id)
    await first.close()

    let second = try await Worker.open(configuration(folder))
    #expect(try await second.status(job.id) == before)
    #expect(
      try await second.start(shell("echo x; exit 6"), owner: "alice", requestID: "r").id == job.id)
    #expect(try await collect(second.output(of: job.id)).text == "x\n")
    await second.close()
  }

  @Test func killedKeeperMeansLostAndNothingIsLeft() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo x; exec sleep 987002"), owner: "alice")
      try await waitForOutput("x", of: job.id, worker)
      try killKeeper(of: job)
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .lost)
      #expect(status.verdict?.message == "lost: its keeper was killed")
      #expect(status.outputBytes == 2)
      #expect(try processes(withArgument: "987002").isEmpty)
      #expect(try cgroupFolders().allSatisfy { !$0.hasSuffix("\(job.id)") })
      #expect(try await collect(worker.output(of: job.id)).text == "x\n")
    }
  }

  @Test func keeperKilledWhileNobodyWatchedMeansLost() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(shell("echo x; exec sleep 987003"), owner: "alice")
    try await waitForOutput("x", of: job.id, first)
    await first.close()
    try killKeeper(of: job)
    // Its lock is free once it is dead.
    let lock = try File.open("\(folder.path)/state/jobs/\(job.id)/lock", O_RDWR)
    try File.waitForLock(lock)
    _ = consume lock

    let second = try await Worker.open(configuration(folder))
    let status = try await second.status(job.id)
    #expect(status.verdict?.reason == .lost)
    #expect(try processes(withArgument: "987003").isEmpty)
    await second.close()
    let third = try await Worker.open(configuration(folder))
    #expect(try await third.status(job.id) == status)
    await third.close()
  }

  @Test func startThatWasCutShortIsCleared() async throws {
    let folder = try TemporaryFolder()
    let jobs = "\(folder.path)/state/jobs"
    try File.makeFolders("\(jobs)/0123456789abcdef")
    try File.makeFolders("\(jobs)/.trash-0123456789abcdee/files")
    let worker = try await Worker.open(configuration(folder))
    #expect(worker.jobs().isEmpty)
    await worker.waitForSweeps()
    #expect(try names(in: jobs).isEmpty)
    await worker.close()
  }

  /// The last worker died in the middle of a start whose keeper goes on.
  @Test func aRepeatedStartWaitsForWhatBecomesOfTheFirst() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(shell("exec sleep 987014"), owner: "alice", requestID: "r")
    await first.close()
    let state = try File.openFolder("\(folder.path)/state/jobs/\(job.id)")
    let started = try File.read(JobDirectory.started, in: state)
    try File.remove(JobDirectory.started, in: state)

    let second = try await Worker.open(configuration(folder))
    #expect(try await second.status(job.id).startTime == nil)
    let again = Task {
      try await second.start(shell("exec sleep 987014"), owner: "alice", requestID: "r")
    }
    let held = try second.job(job.id)
    #expect(held.state.value.isUnconfirmed)
    try File.replace(JobDirectory.started, in: state, with: started)
    #expect(try await again.value.startTime != nil)
    #expect(try await second.stop(job.id, grace: .zero, by: "bob").verdict?.reason == .stopped)
    await second.close()
  }

  @Test func aDamagedExitRecordIsToldAndTheOutputIsRead() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(shell("echo x; echo y >&2; exit 6"), owner: "alice")
    _ = try await first.wait(job.id)
    await first.close()
    let state = try File.openFolder("\(folder.path)/state/jobs/\(job.id)")
    var bytes = try File.read(JobDirectory.exit, in: state)
    bytes[bytes.count - 2] ^= 1  // a digit of its checksum
    try File.replace(JobDirectory.exit, in: state, with: bytes)

    let second = try await Worker.open(configuration(folder))
    #expect(second.problems.isEmpty)
    let status = try await second.status(job.id)
    #expect(status.state == .finished)
    #expect(status.verdict?.reason == .lost)
    #expect(
      status.verdict?.message == "lost: its exit record cannot be read: exit: wrong checksum")
    #expect(status.outputBytes == 4)
    let output = try await collect(second.output(of: job.id))
    #expect(output.text == "x\n" && output.errorText == "y\n")
    #expect(output.end?.complete == true && output.end?.stderrBytes == 2)
    await second.close()
    // Nothing is written over it, and it says the same to the next.
    #expect(try File.read(JobDirectory.exit, in: state) == bytes)
    let third = try await Worker.open(configuration(folder))
    #expect(try await third.status(job.id) == status)
    await third.close()
  }

  @Test func unreadableFolderIsReportedAndLeftAlone() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/state/jobs/0123456789abcdef"
    try File.makeFolders(path)
    try File.replace("spec", in: try File.openFolder(path), with: Array("nonsense".utf8))
    let worker = try await Worker.open(configuration(folder))
    #expect(worker.problems.count == 1)
    #expect(worker.problems.first?.contains("0123456789abcdef") == true)
    #expect(try names(in: path) == ["spec"])
    await worker.close()
  }

  @Test func secondWorkerOnTheSameDirectoryIsRefused() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    await #expect { try await Worker.open(configuration(folder)) } throws: { error in
      isError(error, .failedPrecondition)
        && "\(error)".contains("is in use by another worker (pid \(getpid()))")
    }
    await first.close()
    let second = try await Worker.open(configuration(folder))
    await second.close()
  }
}

/// Kills the keeper of a job: the parent of its PID 1.
func killKeeper(of job: JobStatus) throws {
  let pid = try #require(job.pid)
  let stat = try File.readText("/proc/\(pid)/stat")
  let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
  let parent = try #require(Int32(fields[2]))
  #expect(kill(parent, SIGKILL) == 0)
}
