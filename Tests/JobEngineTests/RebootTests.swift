import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

/// State directories as a reboot, a power loss or a crash leaves them, made by hand.
@Suite(.requiresRoot) struct RebootTests {
  private let id = JobID.random()

  private func openWorker(
    bootID: String?, files: [String: [UInt8]], _ body: (Worker) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/state/jobs/\(self.id)"
    try File.makeFolders(path)
    let job = try File.openFolder(path)
    var record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    record.bootID = bootID
    try File.replace(JobDirectory.spec, in: job, with: record.encoded())
    try File.replace(JobDirectory.lock, in: job, with: [])
    for (name, bytes) in files { try File.replace(name, in: job, with: bytes) }
    let worker = try await Worker.open(configuration(folder))
    #expect(worker.problems.isEmpty)
    try await body(worker)
    await worker.close()
  }

  @Test func processWithTheNumbersOfAJobBeforeTheRebootIsLeftAlone() async throws {
    let bystander = try Bystander()
    let start = StartRecord(
      bootID: "another", keeper: bystander.identity, initProcess: bystander.identity, time: 1)
    let plan = LaunchPlan(
      jobID: self.id.description, command: ["true"], environment: [], workdir: "/", hostname: "x",
      user: .init(uid: 1, gid: 1), capabilities: 0)
    let files = [JobDirectory.started: start.encoded(), JobDirectory.launch: plan.encoded()]
    try await self.openWorker(bootID: "another", files: files) { worker in
      let status = try await worker.status(self.id)
      #expect(status.verdict?.message == "lost: the host was restarted")
    }
    #expect(bystander.isAlive)
  }

  @Test func jobWhoseStartRecordWentWithThePowerIsLost() async throws {
    try await self.openWorker(bootID: "another", files: [:]) { worker in
      let status = try await worker.status(self.id)
      #expect(
        status.verdict?.message == "lost: the host stopped while it ran or was being started")
    }
  }

  @Test func startThatWasCutShortInThisBootIsCleared() async throws {
    try await self.openWorker(bootID: try ProcessIdentity.bootID(), files: [:]) { worker in
      #expect(worker.jobs().isEmpty)
    }
  }

  @Test(arguments: ["another", try? ProcessIdentity.bootID()])
  func tornStartRecordHidesNoJob(bootID: String?) async throws {
    try await self.openWorker(bootID: bootID, files: [JobDirectory.started: [1, 2]]) { worker in
      let status = try await worker.status(self.id)
      #expect(status.verdict?.reason == .lost)
    }
  }
}

extension RebootTests {
  @Test func heldLockMeansALivingKeeperWhateverItsNumberSays() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/state/jobs/\(self.id)"
    try File.makeFolders(path)
    let job = try File.openFolder(path)
    let bootID = try ProcessIdentity.bootID()
    var record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    record.bootID = bootID
    // Numbers that no process has.
    let nobody = ProcessIdentity(pid: .max, startTicks: 1)
    let start = StartRecord(bootID: bootID, keeper: nobody, initProcess: nobody, time: 1)
    try File.replace(JobDirectory.spec, in: job, with: record.encoded())
    try File.replace(JobDirectory.started, in: job, with: start.encoded())
    let lock = try File.open(JobDirectory.lock, in: job, O_RDWR | O_CREAT)
    #expect(try File.tryLock(lock))

    // Closed while it waits: the next one has all to itself.
    let first = try await Worker.open(configuration(folder))
    let seen = try await first.status(self.id)
    #expect(seen.state == .running)
    await first.close()
    let second = try await Worker.open(configuration(folder))
    _ = consume lock
    let ended = try await second.wait(self.id)
    #expect(ended.verdict?.reason == .lost)
    await second.close()
  }

  @Test(arguments: [EMFILE, ENFILE, ENOMEM]) func shortageSaysNothingOfAJob(errno: CInt) {
    #expect(StoreError.system(SystemError(call: "open", errno: errno)).isShortage)
    #expect(!StoreError.system(SystemError(call: "open", errno: EIO)).isShortage)
    #expect(!StoreError.malformed("x").isShortage)
  }
}

/// A process that has nothing to do with any job.
final class Bystander {
  let process: PIDFD
  let identity: ProcessIdentity

  init() throws {
    let null = try File.open("/dev/null", O_RDWR)
    let spawn = Spawn(
      .paths(["/bin/sleep", "/usr/bin/sleep"]), arguments: ["sleep", "1000"],
      descriptors: [null.rawValue, null.rawValue, null.rawValue])
    switch try spawn.start() {
    case .failed(_, let errno): throw SystemError(call: "exec(sleep)", errno: errno)
    case .started(let pid, let process):
      self.process = process
      self.identity = try ProcessIdentity(of: pid)
    }
  }

  var isAlive: Bool {
    do { return try self.process.reap(waiting: false) == nil } catch { return false }
  }

  deinit {
    try? self.process.signal(SIGKILL)
    _ = try? self.process.reap(waiting: true)
  }
}
