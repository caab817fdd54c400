import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct LimitsChangeTests {
  @Test func onlyWhatIsGivenChanges() {
    var limits = Limits()
    limits.memory = 64 << 20
    limits.pids = 10
    var changes = Limits()
    changes.pids = 20
    changes.cpu = 0.5
    let changed = limits.changed(by: changes)
    #expect(changed.memory == 64 << 20 && changed.pids == 20 && changed.cpu == 0.5)
  }

  @Test func whatCannotBeChangedIsRefused() {
    #expect(throws: WorkerError.self) { try Limits().validateChange() }
    var files = Limits()
    files.resources[.nofile] = ResourceLimit(soft: 10, hard: 10)
    #expect(throws: WorkerError.self) { try files.validateChange() }
    var loose = Limits()
    loose.memory = 64 << 20
    loose.bestEffort = true
    #expect(throws: WorkerError.self) { try loose.validateChange() }
  }

  @Test func aRecordKeepsAll() throws {
    var limits = Limits()
    limits.memory = 64 << 20
    let record = LimitsRecord(
      limits: limits, applied: ["memory": AppliedLimit(file: "memory.max", value: "67108864")])
    #expect(try LimitsRecord(record.encoded()) == record)
  }
}

/// On ordinary folders.
@Suite struct CgroupChangeTests {
  private func write(_ text: String, _ file: String, _ folder: TemporaryFolder) throws {
    let descriptor = try File.open(
      file, in: try File.openFolder(folder.path), O_WRONLY | O_CREAT | O_TRUNC)
    try File.writeAll(Array(text.utf8), to: descriptor)
  }

  @Test func aChangeThatFailsHalfWayIsTakenBack() throws {
    let folder = try TemporaryFolder()
    try self.write("100000 100000\n", "cpu.max", folder)
    // A folder in its place: writing fails.
    try File.makeFolders("\(folder.path)/pids.max")
    var old = Limits()
    old.cpu = 1
    var new = old
    new.cpu = 2
    new.pids = 10
    let cgroup = Cgroup(unified: folder.path, legacy: [])
    let change = try CgroupChange(cgroup, from: old, to: new, disks: [])
    let error = #expect(throws: WorkerError.self) { try change.apply() }
    #expect(error?.message.contains("pids") == true)
    #expect(error?.message.hasSuffix("nothing was changed") == true, "\(error?.message ?? "")")
    #expect(try File.readText("\(folder.path)/cpu.max").hasPrefix("100000 100000"))
  }

  /// As cpuset.cpus of a job on cgroup2 that may use them all.
  @Test func whatWasEmptyIsEmptyAgain() throws {
    let folder = try TemporaryFolder()
    try self.write("\n", "cpuset.cpus", folder)
    try File.makeFolders("\(folder.path)/pids.max")
    var new = Limits()
    new.cpuset = "0"
    new.pids = 10
    let cgroup = Cgroup(unified: folder.path, legacy: [])
    let change = try CgroupChange(cgroup, from: Limits(), to: new, disks: [])
    let note = UnfinishedChange(limits: new, before: change.before)
    #expect(try UnfinishedChange(note.encoded()) == note)
    let error = #expect(throws: WorkerError.self) { try change.apply() }
    #expect(error?.message.hasSuffix("nothing was changed") == true, "\(error?.message ?? "")")
    #expect(try File.readText("\(folder.path)/cpuset.cpus") == "\n")
  }

  @Test func aChangeThatWasMadeStays() throws {
    let folder = try TemporaryFolder()
    let state = try StateDirectory("\(folder.path)/state", program: "/proc/self/exe")
    let id = JobID.random()
    try File.makeFolders(state.path(id))
    try self.write("9\n", "pids.max", folder)
    var spec = JobSpec(command: ["true"])
    spec.limits.pids = 9
    let change = UnfinishedChange(
      limits: spec.limits, before: [.init(path: "\(folder.path)/pids.max", value: "20")])
    #expect(try UnfinishedChange(change.encoded()) == change)
    try File.replace(
      JobDirectory.change, in: try state.open(id), with: change.encoded(), durable: false)
    let record = JobRecord(
      spec: spec, owner: "alice", createTime: 0, request: nil, uid: 1, gid: 1)
    try state.settleChange(of: id, record)
    #expect(try File.readText("\(folder.path)/pids.max") == "9\n")
    #expect(try !File.exists(JobDirectory.change, in: state.open(id)))
  }

  /// The job has grown since, and cgroup v2 would kill it for a limit below what it holds.
  @Test func aLimitBelowWhatAJobHoldsDoesNotComeBack() throws {
    let folder = try TemporaryFolder()
    try self.write("800\n", "memory.current", folder)
    try self.write("anon 800\n", "memory.stat", folder)
    let cgroup = Cgroup(unified: folder.path, legacy: [])
    for (limit, isRefused) in [("64", true), ("900", false), ("max", false)] {
      let change = UnfinishedChange(
        limits: Limits(), before: [.init(path: "\(folder.path)/memory.max", value: limit)])
      #expect(((try? change.checkMemory(in: cgroup)) == nil) == isRefused)
    }
  }

  @Test func aLimitWithoutAGroupIsRefused() throws {
    let folder = try TemporaryFolder()
    var new = Limits()
    new.pids = 10
    let cgroup = Cgroup(unified: folder.path, legacy: [])
    #expect(throws: WorkerError.self) {
      try CgroupChange(cgroup, from: Limits(), to: new, disks: [])
    }
  }

  @Test func cachedFilesDoNotCountAsHeld() throws {
    let folder = try TemporaryFolder()
    try self.write("1000\n", "memory.current", folder)
    try self.write("anon 1\ninactive_file 300\nactive_file 200\n", "memory.stat", folder)
    #expect(MemoryInUse.bytes(in: Cgroup(unified: folder.path, legacy: [])) == 500)
  }
}

@Suite(.requiresRoot, .serialized) struct UpdateTests {
  private func sleeper(_ worker: Worker, _ change: (inout Limits) -> Void) async throws -> JobID {
    var spec = JobSpec(command: ["sleep", "1000"])
    change(&spec.limits)
    return try await worker.start(spec, owner: "alice").id
  }

  @Test func limitsAreChangedUpAndDownAndReadBack() async throws {
    try await withWorker { worker in
      let id = try await self.sleeper(worker) {
        $0.memory = 64 << 20
        $0.pids = 20
      }
      var changes = Limits()
      changes.memory = 256 << 20
      changes.cpu = 0.5
      changes.ioRead = 1 << 20
      let up = try await worker.update(id, changes)
      #expect(up.applied["memory"]?.value == "\(256 << 20)")
      #expect(up.applied["cpu"] != nil && up.applied["ioRead"] != nil)
      #expect(up.applied["pids"]?.value == "20")
      #expect(up.spec.limits.memory == 256 << 20 && up.spec.limits.pids == 20)
      changes = Limits()
      changes.memory = 32 << 20
      let down = try await worker.update(id, changes)
      #expect(down.applied["memory"]?.value == "\(32 << 20)")
      #expect(down.spec.limits.cpu == 0.5)
    }
  }

  @Test func aJobWithoutLimitsCanBeGivenThem() async throws {
    try await withWorker { worker in
      let id = try await self.sleeper(worker) { _ in }
      var changes = Limits()
      changes.memory = 64 << 20
      changes.memorySwap = 16 << 20
      changes.pids = 9
      let status = try await worker.update(id, changes)
      #expect(status.applied["memory"]?.value == "\(64 << 20)")
      #expect(status.applied["pids"]?.value == "9")
    }
  }

  @Test func lessMemoryThanIsHeldIsRefused() async throws {
    try await withWorker { worker in
      var spec = shell(
        "x=$(head -c 20000000 /dev/zero | tr '\\0' x); echo ready; sleep 1000")
      spec.limits.memory = 256 << 20
      let job = try await worker.start(spec, owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      var changes = Limits()
      changes.memory = 8 << 20
      changes.pids = 50
      await #expect { try await worker.update(job.id, changes) } throws: {
        isError($0, .failedPrecondition) && "\($0)".contains("cannot be reclaimed")
      }
      let status = try await worker.status(job.id)
      #expect(status.state == .running && status.applied["pids"] == nil)
      #expect(status.spec.limits.memory == 256 << 20)
    }
  }

  @Test func theNextWorkerShowsTheNewLimits() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let id = try await self.sleeper(first) { $0.memory = 64 << 20 }
    var changes = Limits()
    changes.memory = 128 << 20
    _ = try await first.update(id, changes)
    await first.close()
    let second = try await Worker.open(configuration(folder))
    let status = try await second.status(id)
    #expect(status.spec.limits.memory == 128 << 20)
    #expect(status.applied["memory"]?.value == "\(128 << 20)")
    _ = try await second.stop(id, grace: .zero, by: "bob")
    await second.close()
  }

  @Test func aChangeThatAServerWasKilledInIsTakenBack() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let id = try await self.sleeper(first) { $0.pids = 20 }
    let cgroup = try await first.cgroup(of: first.job(id))
    let pids = try #require(
      cgroup.folders.map { "\($0)/pids.max" }.first { File.exists(path: $0) })
    var limits = try await first.status(id).spec.limits
    limits.pids = 9
    let change = UnfinishedChange(limits: limits, before: [.init(path: pids, value: "20")])
    try File.replace(
      JobDirectory.change, in: try first.state.open(id), with: change.encoded(), durable: false)
    try File.writeText("9", to: pids)
    await first.close()
    let second = try await Worker.open(configuration(folder))
    #expect(second.problems.isEmpty)
    #expect(try File.readText(pids) == "20\n")
    #expect(try await second.status(id).applied["pids"]?.value == "20")
    #expect(try !File.exists(JobDirectory.change, in: second.state.open(id)))
    _ = try await second.stop(id, grace: .zero, by: "bob")
    await second.close()
  }

  @Test func whatIsFinishedCannotBeChanged() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
      _ = try await worker.wait(job.id)
      var changes = Limits()
      changes.pids = 10
      await #expect { try await worker.update(job.id, changes) } throws: {
        isError($0, .failedPrecondition) && "\($0)".contains("has finished")
      }
    }
  }

  /// As an update that was on its way when the job ended and was removed.
  @Test func aJobThatIsRemovedDuringAChangeHasFinished() async throws {
    try await withWorker { worker in
      let id = try await self.sleeper(worker) { $0.pids = 10 }
      let job = try worker.job(id)
      _ = try await worker.stop(id, grace: .zero, by: "bob")
      try await worker.remove(id)
      var changes = Limits()
      changes.pids = 20
      await #expect {
        try await worker.change(job, from: job.limits, to: changes, changes, nil)
      } throws: {
        isError($0, .failedPrecondition) && "\($0)".contains("has finished")
      }
    }
  }

  @Test func aQuotaHoldsForChangesToo() async throws {
    try await withWorker { worker in
      let id = try await self.sleeper(worker) { $0.pids = 10 }
      _ = try await self.sleeper(worker) { $0.pids = 10 }
      var quota = OwnerQuota()
      quota.limits.pids = 25
      var changes = Limits()
      changes.pids = 16
      await #expect { try await worker.update(id, changes, quota: quota) } throws: {
        isError($0, .resourceExhausted)
      }
      changes.pids = 15
      #expect(try await worker.update(id, changes, quota: quota).applied["pids"]?.value == "15")
      // A bound that was lowered since: less of anything can still be given, more of nothing else.
      quota.jobs = 1
      quota.limits.pids = 4
      quota.limits.memory = 1 << 20
      changes.pids = 14
      #expect(try await worker.update(id, changes, quota: quota).applied["pids"]?.value == "14")
    }
  }
}
