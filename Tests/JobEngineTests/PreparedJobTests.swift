import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite(.requiresRoot, .serialized) struct PreparedJobTests {
  @Test func theJobThatIsKeptReadyIsTheNextOne() async throws {
    try await self.withPrepared { worker, prepared in
      let job = try await worker.start(shell("echo $JOB_ID; id -u"), owner: "alice")
      #expect(job.id == prepared)
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text.hasPrefix("\(prepared)\n"))
      let other = try await preparedJob(worker)
      #expect(other != prepared)
    }
  }

  @Test func aJobOfAnotherKindIsStartedWithoutIt() async throws {
    try await self.withPrepared { worker, prepared in
      var spec = shell("true")
      spec.network = .host
      let job = try await worker.start(spec, owner: "alice")
      #expect(job.id != prepared)
      #expect(try await preparedJob(worker) == prepared)
    }
  }

  @Test func limitsAndMountsOfTheJobAreItsOwn() async throws {
    try await self.withPrepared { worker, prepared in
      var spec = shell("df -k /dev/shm /tmp/own | awk 'NR > 1 { print $2 }'; hostname; id -un")
      spec.limits.memory = 64 << 20
      spec.limits.pids = 50
      spec.tmpfs = [.init(destination: "/tmp/own", size: 1 << 20)]
      let job = try await worker.start(spec, owner: "alice")
      #expect(job.id == prepared)
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text == "65536\n1024\njob-\(prepared)\njob\n")
      let ended = try await worker.wait(job.id)
      #expect(ended.applied["memory"]?.value == "\(64 << 20)")
      #expect(ended.applied["pids"]?.value == "50")
    }
  }

  @Test func aJobSeesTheMountsOfTheHostAsTheyAreWhenItStarts() async throws {
    let place = try self.placeOutsideOfTemporary()
    defer { rmdir(place) }
    try await self.withPrepared { worker, _ in
      try check("mount") { mount("tmpfs", place, "tmpfs", 0, "size=64k") }
      defer { umount2(place, CInt(MNT_DETACH)) }
      try File.writeAll(
        Array("new".utf8), to: File.open("\(place)/file", O_WRONLY | O_CREAT, mode: 0o644))
      let job = try await worker.start(shell("cat \(place)/file"), owner: "alice")
      #expect(try await collect(worker.output(of: job.id)).text == "new")
    }
  }

  @Test func aJobIsStartedAlsoWhenTheOneKeptReadyWasKilled() async throws {
    try await self.withPrepared { worker, _ in
      let ready = try #require(worker.prepared.peek())
      try ready.keeper.process.signal(SIGKILL)
      var entries = [pollfd(fd: ready.keeper.descriptor, events: Int16(POLLIN), revents: 0)]
      try Poll.wait(&entries)
      let job = try await worker.start(shell("echo well"), owner: "alice")
      #expect(try await collect(worker.output(of: job.id)).text == "well\n")
    }
  }

  @Test func nothingOfItIsLeftWhenTheWorkerIsClosed() async throws {
    let folder = try TemporaryFolder()
    let id = try await self.prepareAndClose(folder)
    #expect(try Folder.names(in: File.openFolder("\(folder.path)/state/jobs")).count == 1)
    #expect(try cgroupFolders().filter { $0.contains("\(id)") } == [])
  }

  /// There may never be another worker here.
  @Test func nothingOfItIsLeftWhenTheWorkerDied() async throws {
    let folder = try TemporaryFolder()
    let state = try StateDirectory("\(folder.path)/state", program: workerProgram)
    // Held to the end: a process that dies lets go of one descriptor after the other.
    let group = try self.group(of: state)
    defer { withExtendedLifetime(group) {} }
    let (id, keeper) = try self.forgotten(folder, state, group)
    var entries = [pollfd(fd: keeper.descriptor, events: Int16(POLLIN), revents: 0)]
    try Poll.wait(&entries)
    keeper.reap()
    #expect(try Folder.names(in: File.openFolder("\(folder.path)/state/jobs")) == [])
    #expect(try cgroupFolders().filter { $0.contains("\(id)") } == [])
    #expect(group.layout.all.allSatisfy { !File.exists(path: $0) })
  }

  @Test func whatAKilledKeeperLeftIsFoundByTheNextWorker() async throws {
    let folder = try TemporaryFolder()
    let state = try StateDirectory("\(folder.path)/state", program: workerProgram)
    let prepared = try self.prepare(folder, state)
    prepared.end()
    state.unlock()
    #expect(try cgroupFolders().contains { $0.contains("\(prepared.id)") })
    let worker = try await Worker.open(configuration(folder))
    #expect(worker.jobs().isEmpty)
    await worker.close()
    #expect(try Folder.names(in: File.openFolder("\(folder.path)/state/jobs")) == [])
    #expect(try cgroupFolders().filter { $0.contains("\(prepared.id)") } == [])
  }

  /// As by a worker that is killed: its end of the socket is closed, and that is all.
  private func forgotten(
    _ folder: TemporaryFolder, _ state: StateDirectory, _ group: JobsGroup
  ) throws -> (JobID, KeeperProcess) {
    let prepared = try self.prepare(folder, state, group)
    return (prepared.id, prepared.keeper)
  }

  private func group(of state: StateDirectory) throws -> JobsGroup {
    try JobsGroup(
      in: try CgroupLayout.detect(root: nil), of: try FileIdentity(of: File.openFolder(state.path)),
      totals: HostTotals())
  }

  private func prepare(
    _ folder: TemporaryFolder, _ state: StateDirectory, _ group: JobsGroup? = nil
  ) throws -> PreparedJob {
    let launcher = Launcher(
      state: state, group: try group ?? self.group(of: state), hidden: [],
      networkProgram: NetworkProgram(folders: []))
    let configuration = configuration(folder)
    return try launcher.prepare(
      .usual(configuration), as: .own(configuration.userIDs.lowerBound), until: EventDescriptor())
  }

  @Test func jobsThatWereKeptReadyHaveNetworksOfTheirOwn() async throws {
    try await withWorker { worker in
      var networks = [try networkNamespace()]
      var jobs: [JobStatus] = []
      for _ in 0..<3 {
        // All live until the end: the kernel gives the number of a gone namespace to the next.
        let job = try await worker.start(
          shell("readlink /proc/self/ns/net; cat /sys/class/net/lo/flags; echo up; exec sleep 600"),
          owner: "alice")
        try await waitForOutput("up", of: job.id, worker)
        _ = try await preparedJob(worker)
        jobs.append(job)
      }
      for job in jobs {
        _ = try await worker.stop(job.id, grace: .zero, by: "alice")
        let output = try await collect(worker.output(of: job.id))
        let lines = output.text.split(separator: "\n")
        networks.append(lines.first.map(String.init) ?? "")
        #expect(lines.dropFirst().first == "0x9")  // IFF_UP | IFF_LOOPBACK
      }
      #expect(Set(networks).count == 4)
      #expect(!networks.contains(""))
    }
  }

  /// Nobody could unmount it for good otherwise.
  @Test func whatTheHostUnmountsIsNotHeldByTheJobKeptReady() async throws {
    let place = try self.placeOutsideOfTemporary()
    defer { rmdir(place) }
    try check("mount") { mount("tmpfs", place, "tmpfs", 0, "size=64k") }
    var isMounted = true
    defer { if isMounted { umount2(place, CInt(MNT_DETACH)) } }
    try await self.withPrepared { worker, _ in
      let ready = try #require(worker.prepared.peek())
      try check("umount") { umount2(place, CInt(MNT_DETACH)) }
      isMounted = false
      var entries = [pollfd(fd: ready.keeper.descriptor, events: Int16(POLLIN), revents: 0)]
      try Poll.wait(&entries)
      let job = try await worker.start(shell("echo well"), owner: "alice")
      #expect(try await collect(worker.output(of: job.id)).text == "well\n")
    }
  }

  /// rename(2) takes away what is mounted on the name, in every mount namespace.
  @Test func aHiddenFileThatWasReplacedMeanwhileIsHidden() async throws {
    let place = try self.placeOutsideOfTemporary()
    defer { rmdir(place) }
    let secret = "\(place)/secret"
    defer { unlink(secret) }
    try self.write("old", to: secret)
    try await self.withPrepared(hidden: [secret]) { worker, _ in
      try self.write("new", to: "\(secret).new")
      try check("rename") { rename("\(secret).new", secret) }
      let job = try await worker.start(shell("cat \(secret); echo so"), owner: "alice")
      #expect(try await collect(worker.output(of: job.id)).text == "so\n")
    }
  }

  private func write(_ text: String, to path: String) throws {
    let file = try File.open(path, O_WRONLY | O_CREAT, mode: 0o644)
    try File.setMode(0o644, of: file)
    try File.writeAll(Array(text.utf8), to: file)
  }

  private func withPrepared(
    hidden: [String] = [], _ body: (Worker, JobID) async throws -> Void
  ) async throws {
    try await withWorker({ $0.hiddenPaths += hidden }) { worker in
      try await body(worker, preparedJob(worker))
    }
  }

  private func prepareAndClose(_ folder: TemporaryFolder) async throws -> JobID {
    let worker = try await Worker.open(configuration(folder))
    _ = try await worker.wait(worker.start(shell("true"), owner: "alice").id)
    let id = try await preparedJob(worker)
    await worker.close()
    return id
  }

  private func placeOutsideOfTemporary() throws -> String {
    let path = "/srv/worker-test-\(JobID.random())"
    try check("mkdir") { mkdir(path, 0o755) }
    return path
  }

  private func networkNamespace() throws -> String {
    var buffer = [CChar](repeating: 0, count: 64)
    let count = try check("readlink") { readlink("/proc/self/ns/net", &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// The job that is kept ready, once it is there; one that was let go of, as something was mounted on this
/// host, is made anew.
func preparedJob(_ worker: Worker) async throws -> JobID {
  for _ in 0..<10 {
    await waitForPreparing(worker)
    if let ready = worker.prepared.peek() { return ready.id }
    _ = try await worker.wait(worker.start(shell("true"), owner: "alice").id)
  }
  throw WorkerError(.internal, "no job is kept ready")
}

/// Until what a start has put off is done as well: timers come in the order of their times.
private func waitForPreparing(_ worker: Worker) async {
  await withCheckedContinuation { continuation in
    worker.events.later(PreparedJobs.pause) { continuation.resume() }
  }
  await worker.endings.waitUncancelled { $0 == 0 }
}

/// In the state directory, without that of the job that is kept ready.
func foldersOfJobs(_ folder: TemporaryFolder, _ worker: Worker) async throws -> [String] {
  await waitForPreparing(worker)
  let prepared = worker.prepared.peek()?.id.description
  return try Folder.names(in: File.openFolder("\(folder.path)/state/jobs"))
    .filter { $0 != prepared }
}
