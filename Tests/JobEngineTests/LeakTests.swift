import Glibc
import JobEngine
import Linux
import Testing

@Suite(.requiresRoot, .serialized) struct LeakTests {
  /// In a process of its own nothing else would be open; here other suites run too, so the worker's
  /// own traces are looked for.
  @Test func afterHundredsOfJobsNothingIsLeft() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<300 {
        group.addTask {
          let spec = shell("echo \(index); sleep 987004 & exit 0")
          let job = try await worker.start(spec, owner: "alice")
          _ = try await collect(worker.output(of: job.id))
          #expect(try await worker.wait(job.id).verdict?.code == 0)
        }
      }
      try await group.waitForAll()
    }
    let ids = worker.jobs().map(\.id.description)
    #expect(ids.count == 300)
    #expect(try processes(withArgument: "987004").isEmpty)
    #expect(try cgroupFolders().filter { path in ids.contains { path.hasSuffix($0) } }.isEmpty)
    let prepared = try await preparedJob(worker).description
    #expect(
      try openFiles(below: "\(folder.path)/state/jobs/").filter { !$0.contains(prepared) } == [])
    #expect(!(try File.readText("/proc/self/mountinfo")).contains(folder.path))
    for id in worker.jobs().map(\.id) { try await worker.remove(id) }
    #expect(try await foldersOfJobs(folder, worker) == [])
    await worker.close()
    #expect(
      try openFiles(below: "\(folder.path)/").filter {
        !$0.hasSuffix("/state/jobs") && !$0.hasSuffix("/state/lock")
      }.isEmpty)
  }

  @Test(.timeLimit(.minutes(1))) func workerThatIsClosedAndDroppedHoldsNothingOpen() async throws {
    let folder = try TemporaryFolder()
    try await openAndClose(folder)
    // The thread that wrote the job's end down lets go of the worker a moment after it said so.
    while try !openFiles(below: "\(folder.path)/").isEmpty { await Task.yield() }
  }

  private func openAndClose(_ folder: TemporaryFolder) async throws {
    let worker = try await Worker.open(configuration(folder))
    let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
    _ = try await collect(worker.output(of: job.id))
    _ = try await worker.wait(job.id)
    await worker.close()
  }
}

/// What this process has open below `path`.
func openFiles(below path: String) throws -> [String] {
  try names(in: "/proc/self/fd").compactMap { name in
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
    guard count > 0 else { return nil }
    let target = String(
      decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return target.hasPrefix(path) ? target : nil
  }
}

func removeFolder(below parent: String, _ path: String) throws {
  try Folder.removeTree(String(path.dropFirst(parent.count + 1)), in: try File.openFolder(parent))
}
