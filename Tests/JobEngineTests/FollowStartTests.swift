import JobStore
import Linux
import Testing

@testable import JobEngine

/// Readers that are there before there is anything to read.
@Suite struct FollowStartTests {
  private func withStartingJob(_ body: (Worker, Job) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    let record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    let job = Job(id: .random(), record: record)
    worker.registry.change { $0.insert(job, isOver: false) }
    try await body(worker, job)
    await worker.close()
  }

  @Test(.requiresRoot) func followerOfAStartThatFailsIsToldWhy() async throws {
    try await self.withStartingJob { worker, job in
      let output = Task { try await collect(worker.output(of: job.id)) }
      job.state.change { $0.startFailed(WorkerError(.startFailed, "no such thing")) }
      await #expect { try await output.value } throws: { "\($0)" == "no such thing" }
    }
  }

  @Test(.requiresRoot) func followerOfAStartWaitsForItsJob() async throws {
    try await withWorker { worker in
      let started = Task {
        try await worker.start(shell("echo x; exec sleep 1000"), owner: "alice")
      }
      // The job is there from the first moment of its start.
      while worker.jobs().isEmpty { await Task.yield() }
      let id = try #require(worker.jobs().first?.id)
      try await waitForOutput("x", of: id, worker)
      let job = try await started.value
      #expect(job.id == id)
    }
  }

  @Test(.requiresRoot) func closingLetsGoOfAFollowerOfAStart() async throws {
    try await self.withStartingJob { worker, job in
      let output = Task { try await collect(worker.output(of: job.id)) }
      job.state.change { $0.close() }
      await #expect { try await output.value } throws: { isError($0, .unavailable) }
    }
  }

  @Test func watchThatCouldNotBeSetIsTriedAgain() async throws {
    let folder = try TemporaryFolder()
    let events = try await EventThread.start()
    let record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    let job = Job(id: .random(), record: record)
    let path = "\(folder.path)/later"
    await #expect(throws: SystemError.self) { try await events.follow(job, path: path) }
    try File.makeFolders(path)
    try await events.follow(job, path: path)
    let seen = job.state.value.outputGeneration
    try File.replace("x", in: try File.openFolder(path), with: [1], durable: false)
    await job.state.waitUncancelled { $0.outputGeneration != seen }
    await events.stop()
  }

  @Test func startIsASignOfNewOutput() {
    var lifecycle = JobLifecycle()
    lifecycle.started()
    #expect(lifecycle.outputGeneration == 1)
  }
}
