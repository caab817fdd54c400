import JobEngine
import Linux
import Testing

/// A keeper that never answers must hold up nobody who wants the job, or the worker, to end.
@Suite(.requiresRoot) struct HangingStartTests {
  /// A worker whose keepers are `yes`, which takes any arguments and runs for ever.
  private func withHangingStart(
    _ body: (Worker, JobID, Task<JobStatus, any Error>) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.program = "/usr/bin/yes"
    let worker = try await Worker.open(configuration)
    let start = Task { try await worker.start(JobSpec(command: ["true"]), owner: "alice") }
    while worker.jobs().isEmpty { await Task.yield() }
    let id = try #require(worker.jobs().first?.id)
    try await body(worker, id, start)
    await worker.close()
    #expect(try names(in: "\(folder.path)/state/jobs").isEmpty)
    #expect(try cgroupFolders().allSatisfy { !$0.hasSuffix("\(id)") })
  }

  @Test func stopEndsIt() async throws {
    try await self.withHangingStart { worker, id, start in
      let status = try await worker.stop(id, by: "bob")
      #expect(status.state == .finished)
      #expect(status.verdict?.reason == .startFailed)
      await #expect { try await start.value } throws: {
        "\($0)" == "stopped by bob while it was being started"
      }
    }
  }

  @Test func closeEndsIt() async throws {
    try await self.withHangingStart { worker, _, start in
      await worker.close()
      await #expect { try await start.value } throws: { isError($0, .unavailable) }
    }
  }
}
