import Dispatch
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

  /// A tree of millions of files must not hold up whoever removes it, nor anybody else.
  @Test func removingAJobDoesNotWaitForItsFiles() async throws {
    try await withWorker { worker in
      let id = try await worker.start(shell("echo x > /tmp/file"), owner: "a").id
      _ = try await worker.wait(id)
      await worker.waitForSweeps()
      let jobs = "\(worker.state.path)/jobs"
      try File.makeFolders("\(jobs)/\(id)/files/left/over")
      let gate = DispatchSemaphore(value: 0)
      Worker.sweeper.perform { gate.wait() }
      try await worker.remove(id)
      #expect(try trash(in: jobs) == [JobDirectory.trashed("\(id)")])
      #expect(try names(in: "\(jobs)/.trash-\(id)") == ["files"])
      gate.signal()
      await worker.waitForSweeps()
      #expect(try trash(in: jobs).isEmpty)
    }
  }

  /// A removal moves folders up beside the tree, and was killed there.
  @Test func whatARemovalThatWasCutShortLeftIsRemoved() async throws {
    let folder = try TemporaryFolder()
    let jobs = "\(folder.path)/state/jobs"
    let first = try await Worker.open(configuration(folder))
    var ids: [JobID] = []
    for _ in 0..<2 { ids.append(try await first.start(shell("true"), owner: "a").id) }
    for id in ids { _ = try await first.wait(id) }
    await first.waitForSweeps()
    let left = "\(Folder.removingPrefix)1-2"
    try File.makeFolders("\(jobs)/\(ids[0])/\(left)/deep")
    try await first.remove(ids[0])
    try File.makeFolders("\(jobs)/\(ids[1])/\(left)/deep")
    await first.waitForSweeps()
    await first.close()
    let second = try await Worker.open(configuration(folder))
    await second.waitForSweeps()
    #expect(try names(in: jobs) == ["\(ids[1])"])
    #expect(try !names(in: "\(jobs)/\(ids[1])").contains(left))
    await second.close()
  }

  private func trash(in jobs: String) throws -> [String] {
    try names(in: jobs).filter { $0.hasPrefix(JobDirectory.trashPrefix) }
  }
}

extension Worker {
  /// Returns when nothing waits to be removed.
  func waitForSweeps() async { await self.endings.waitUncancelled { $0 == 0 } }
}
