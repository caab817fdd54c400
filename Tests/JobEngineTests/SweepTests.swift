import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

/// What finished jobs leave on disk.
@Suite(.requiresRoot) struct SweepTests {
  @Test func filesAreOutOfTheWayAtTheEndAndThenGone() async throws {
    try await withWorker { worker in
      let id = try await worker.start(shell("mkdir -p /tmp/a/b; echo x > /tmp/a/b/c"), owner: "a")
        .id
      _ = try await worker.wait(id)
      let jobs = "\(worker.state.path)/jobs"
      #expect(!(try names(in: "\(jobs)/\(id)").contains(JobDirectory.files)))
      await worker.waitForSweeps()
      #expect(try trash(in: jobs).isEmpty)
    }
  }

  @Test func filesPutAsideWhileNoWorkerRanAreRemovedByTheNext() async throws {
    let folder = try TemporaryFolder()
    let jobs = "\(folder.path)/state/jobs"
    let first = try await Worker.open(configuration(folder))
    let gate = "while ! [ -e /tmp/go ]; do sleep 0.01; done; echo x > /tmp/file"
    let id = try await first.start(shell(gate), owner: "a").id
    await first.close()
    let job = try File.openFolder("\(jobs)/\(id)")
    let lock = try File.open(JobDirectory.lock, in: job, O_RDWR)
    _ = try File.open("go", in: try File.openFolder("\(jobs)/\(id)/files/tmp"), O_WRONLY | O_CREAT)
    try File.waitForLock(lock)  // its keeper is gone
    _ = consume lock
    #expect(try trash(in: jobs) == [JobDirectory.trashedFiles(of: id.description)])

    let second = try await Worker.open(configuration(folder))
    await second.waitForSweeps()
    #expect(try trash(in: jobs).isEmpty)
    #expect(try await second.status(id).verdict?.reason == .exited)
    await second.close()
  }

  @Test func removedJobLeavesNothingEvenIfItsFilesWaitToBeRemoved() async throws {
    try await withWorker { worker in
      let id = try await worker.start(shell("echo x > /tmp/file"), owner: "a").id
      _ = try await worker.wait(id)
      try await worker.remove(id)
      await worker.waitForSweeps()
      let left = try names(in: "\(worker.state.path)/jobs").filter { $0.contains("\(id)") }
      #expect(left.isEmpty)
    }
  }

  private func trash(in jobs: String) throws -> [String] {
    try names(in: jobs).filter { $0.hasPrefix(JobDirectory.trashPrefix) }
  }
}

extension Worker {
  /// Returns when nothing waits to be removed.
  func waitForSweeps() async { await self.endings.waitUncancelled { $0 == 0 } }
}
