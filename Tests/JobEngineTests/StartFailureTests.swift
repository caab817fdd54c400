import Glibc
import JobEngine
import Linux
import TestSupport
import Testing

/// A start that fails says where and leaves nothing behind.
@Suite(.requiresRoot, .serialized) struct StartFailureTests {
  private func failure(_ spec: JobSpec) async throws -> WorkerError {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    var failure: WorkerError?
    do { _ = try await worker.start(spec, owner: "alice") } catch { failure = error }
    #expect(worker.jobs().isEmpty)
    await worker.close()
    #expect(try names(in: "\(folder.path)/state/jobs").isEmpty)
    #expect(Leftovers.of(server: "\(folder.path)/state") == [])
    return try #require(failure)
  }

  @Test func unknownProgram() async throws {
    let error = try await self.failure(JobSpec(command: ["/no/such"]))
    #expect(error.code == .startFailed)
    #expect(error.step == "exec")
    #expect(error.errno == ENOENT)
    #expect(error.message == "exec /no/such: No such file or directory")
  }

  @Test func unknownProgramInPath() async throws {
    let error = try await self.failure(JobSpec(command: ["no-such-program"]))
    #expect(error.errno == ENOENT)
  }

  @Test func notExecutable() async throws {
    let error = try await self.failure(JobSpec(command: ["/etc/passwd"]))
    #expect(error.step == "exec")
    #expect(error.errno == EACCES)
  }

  @Test func badWorkingDirectory() async throws {
    var spec = JobSpec(command: ["true"])
    spec.workingDirectory = "/no/such"
    let error = try await self.failure(spec)
    #expect(error.code == .startFailed)
    #expect(error.errno == ENOENT)
    #expect(error.message.contains("/no/such"))
  }

  @Test func badUser() async throws {
    var spec = JobSpec(command: ["true"])
    spec.user = .named("no-such-user")
    let error = try await self.failure(spec)
    #expect(error.code == .invalidArgument)
    #expect(error.step == "user")
    #expect(error.message.contains("no such user 'no-such-user' on this host"))
  }

  @Test func argumentsTooLong() async throws {
    let error = try await self.failure(
      JobSpec(command: ["true", String(repeating: "x", count: 200_000)]))
    #expect(error.errno == E2BIG)
  }

  @Test func sameRequestMayBeTriedAgainAfterAFailure() async throws {
    try await withWorker { worker in
      await #expect(throws: WorkerError.self) {
        try await worker.start(JobSpec(command: ["/no/such"]), owner: "a", requestID: "r")
      }
      let job = try await worker.start(JobSpec(command: ["true"]), owner: "a", requestID: "r")
      #expect(try await worker.wait(job.id).verdict?.code == 0)
    }
  }

  @Test func nameOfAFailedStartIsFree() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["/no/such"])
      spec.name = "web"
      await #expect { try await worker.start(spec, owner: "a") } throws: {
        isError($0, .startFailed)
      }
      await #expect { try await worker.start(spec, owner: "a") } throws: {
        isError($0, .startFailed)
      }
    }
  }
}
