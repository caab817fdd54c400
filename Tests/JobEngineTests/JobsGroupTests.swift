import Glibc
import Linux
import Testing

@testable import JobEngine

/// What all jobs of a worker have together.
@Suite(.requiresRoot, .serialized) struct JobsGroupTests {
  /// The content of a file of the group, in whichever hierarchy has it.
  private func value(_ names: String..., of worker: Worker) -> String {
    for folder in worker.jobsGroup.layout.all {
      for name in names {
        if let text = try? File.readText("\(folder)/\(name)") {
          return String(text.prefix { $0 != "\n" })
        }
      }
    }
    return ""
  }

  private func isThere(_ group: JobsGroup) -> Bool {
    group.layout.all.contains { File.exists(path: $0) }
  }

  @Test func jobsWithoutLimitsHaveNoMoreProcessesTogetherThanTheTotal() async throws {
    try await withWorker {
      $0.totals.pids = 40
    } _: { worker in
      // The inner shell ends where it is refused a process.
      let bomb = shell(
        "(for i in $(seq 60); do sleep 1000 & done) 2>&1; echo done; exec sleep 1000")
      let first = try await worker.start(bomb, owner: "alice")
      #expect(first.applied["pids"]?.value == "20")
      try await waitForOutput("done", of: first.id, worker)
      // One alone does not keep others from starting.
      let second = try await worker.start(bomb, owner: "bob")
      try await waitForOutput("done", of: second.id, worker)
      let count = try #require(Int(self.value("pids.current", of: worker)))
      #expect(count > 20 && count <= 40)
      #expect(self.value("pids.max", of: worker) == "40")
    }
  }

  @Test func jobsWithoutLimitsHaveNoMoreMemoryTogetherThanTheTotal() async throws {
    try await withWorker {
      $0.totals.memory = 96 << 20
    } _: { worker in
      // Keeps the group, and what it has counted, there.
      _ = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "carol")
      // Two that would fit by themselves.
      let hog = shell("head -c 64M /dev/zero | tail; echo survived")
      let jobs = [
        try await worker.start(hog, owner: "alice"), try await worker.start(hog, owner: "bob"),
      ]
      for job in jobs { _ = try await worker.wait(job.id) }
      let peak = try #require(
        Int64(self.value("memory.peak", "memory.max_usage_in_bytes", of: worker)))
      #expect(peak <= 96 << 20)
    }
  }

  @Test func itGoesWithTheWorkerAndStaysWithItsJobs() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.totals.memory = 256 << 20
    let first = try await Worker.open(configuration)
    let job = try await first.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    await first.close()
    #expect(self.isThere(first.jobsGroup))

    configuration.totals.memory = nil
    configuration.totals.pids = 77
    let second = try await Worker.open(configuration)
    try await second.prepare()
    #expect(second.jobsGroup.layout == first.jobsGroup.layout)
    #expect(self.value("pids.max", of: second) == "77")
    #expect(Int64(self.value("memory.max", "memory.limit_in_bytes", of: second)) != 256 << 20)
    _ = try await second.stop(job.id, grace: .zero, by: "alice")
    await second.close()
    #expect(!self.isThere(second.jobsGroup))
  }

  /// v1 has no less for a group than for one in it.
  @Test func aTotalOfCoresThatIsLessThanAJobHasWaits() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.totals.cpu = 2
    let first = try await Worker.open(configuration)
    var spec = JobSpec(command: ["sleep", "1000"])
    spec.limits.cpu = 2
    let job = try await first.start(spec, owner: "alice")
    await first.close()
    configuration.totals.cpu = 1
    let second = try await Worker.open(configuration)
    try await second.prepare()
    #expect(try await second.status(job.id).state == .running)
    _ = try await second.stop(job.id, grace: .zero, by: "alice")
    let next = try await second.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    #expect(
      ["100000 100000", "100000"].contains(
        self.value("cpu.max", "cpu.cfs_quota_us", of: second)))
    _ = try await second.stop(next.id, grace: .zero, by: "alice")
    await second.close()
  }

  /// Each end may take the group away, and each start needs it.
  @Test func startsAndEndsAtTheSameMomentDoNotDisturbEachOther() async throws {
    try await withWorker { worker in
      let group = worker.jobsGroup
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for number in 0..<120 {
          if tasks.isEmpty == false, number >= 8 { try await tasks.next() }
          tasks.addTask {
            var spec = JobSpec(command: ["true"])
            if number % 3 == 0 { spec.limits.cpuset = "0" }
            let job = try await worker.start(spec, owner: "alice")
            // As the keeper of a last job does.
            for folder in group.layout.common { try? File.removeFolder(path: folder) }
            _ = try await worker.wait(job.id)
          }
        }
        try await tasks.waitForAll()
      }
    }
  }

  /// Made anew for each of them, it would cost every start and end a millisecond.
  @Test func itStaysThroughJobsThatFollowEachOther() async throws {
    try await withWorker { worker in
      try await worker.prepare()
      let folder = try #require(worker.jobsGroup.layout.common.first)
      let before = try FileIdentity(of: File.openFolder(folder))
      for _ in 0..<5 {
        let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
        _ = try await worker.wait(job.id)
      }
      #expect(try FileIdentity(of: File.openFolder(folder)) == before)
    }
  }

  @Test func theLastJobTakesItAwayWhereNoWorkerIs() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    let pid = try #require(job.pid)
    let fields = try File.readText("/proc/\(pid)/stat").split(separator: ")").last?.split(
      separator: " ")
    let keeper = try PIDFD(process: #require(fields.flatMap { Int32($0[1]) }))
    await first.close()
    #expect(self.isThere(first.jobsGroup))
    try PIDFD(process: pid).signal(SIGKILL)
    var entries = [pollfd(fd: keeper.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    try Poll.wait(&entries)
    #expect(!self.isThere(first.jobsGroup))
  }

  @Test func aTotalThatIsLessThanWhatJobsHoldKillsNone() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    let first = try await Worker.open(configuration)
    let holder = shell("head -c 32M /dev/zero >/dev/shm/x; echo held; exec sleep 1000")
    let job = try await first.start(holder, owner: "alice")
    try await waitForOutput("held", of: job.id, first)
    await first.close()

    configuration.totals.memory = 16 << 20
    let second = try await Worker.open(configuration)
    try await second.prepare()
    #expect(try await second.status(job.id).state == .running)
    _ = try await second.stop(job.id, grace: .zero, by: "alice")
    // With room again the total is in force; read while a job keeps the group.
    let next = try await second.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
    #expect(
      Int64(self.value("memory.max", "memory.limit_in_bytes", of: second)) == 16 << 20)
    _ = try await second.stop(next.id, grace: .zero, by: "alice")
    await second.close()
    #expect(!self.isThere(second.jobsGroup))
  }
}
