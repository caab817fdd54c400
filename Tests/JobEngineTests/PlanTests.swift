import Linux
import Testing

@testable import JobEngine

/// What a plan says, and that it starts nothing.
@Suite(.serialized) struct PlanTests {
  @Test(.requiresRoot) func planIsWhatAStartApplies() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      spec.limits.cpu = 0.5
      spec.limits.memory = (64 << 20) + 1
      spec.limits.ioRead = 1 << 20
      spec.limits.pids = 20
      spec.limits.resources = [.nofile: ResourceLimit(soft: 64, hard: 64)]
      let plan = try await worker.plan(spec)
      #expect(worker.jobs().isEmpty)
      #expect(
        plan.limits.map(\.name) == ["cpu", "memory", "memorySwap", "ioRead", "pids", "nofile"])
      #expect(plan.limits.allSatisfy { $0.unenforced == nil })
      let memory = try #require(plan.limits.first { $0.name == "memory" })
      #expect(memory.value == "\((64 << 20) + 1)")
      #expect(memory.applied == "\(64 << 20)")
      let io = try #require(plan.limits.first { $0.name == "ioRead" })
      #expect(io.devices.first?.contains(" > ") == true)
      let job = try await worker.start(spec, owner: "alice")
      for limit in plan.limits {
        #expect(job.applied[limit.name]?.value == limit.applied, "\(limit.name)")
        #expect(job.applied[limit.name]?.file == limit.file, "\(limit.name)")
      }
    }
  }

  @Test(.requiresRoot) func planTellsOfEveryRefusalAtOnce() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["true"])
      spec.limits.cpuset = "4000"
      spec.limits.resources = [.nofile: ResourceLimit(soft: nil, hard: nil)]
      spec.limits.pids = 10
      let plan = try await worker.plan(spec)
      #expect(plan.limits.map { $0.unenforced == nil } == [false, true, false])
      #expect(plan.limits.last?.unenforced?.contains("fs.nr_open") == true)
      await #expect(throws: WorkerError.self) { try await worker.start(spec, owner: "alice") }
    }
  }

  @Test(.requiresRoot) func aPlanMeetsTheTotalsAndQuotasThatAStartMeets() async throws {
    try await withWorker {
      $0.totals.jobs = 1
    } _: { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      spec.limits.pids = 20
      #expect(try await worker.plan(spec, owner: "alice").refusal == nil)
      var quota = OwnerQuota()
      quota.limits.pids = 10
      let bounded = try await worker.plan(spec, owner: "alice", quota: quota)
      #expect(bounded.refusal?.hasPrefix("pids: the unfinished jobs of 'alice' have 0") == true)
      // The limits themselves could be had.
      #expect(bounded.limits.map(\.unenforced) == [nil])
      let job = try await worker.start(spec, owner: "alice")
      let full = try await worker.plan(spec, owner: "bob")
      #expect(full.refusal?.contains("has 1 unfinished jobs") == true)
      await #expect { try await worker.start(spec, owner: "bob") } throws: {
        "\($0)" == full.refusal
      }
      _ = try await worker.stop(job.id, grace: .zero, by: "alice")
      #expect(try await worker.plan(spec, owner: "bob").refusal == nil)
      spec.outputQuota = 1
      await #expect { try await worker.plan(spec) } throws: { isError($0, .invalidArgument) }
    }
  }

  @Test(.requiresRoot) func nonsenseIsRefusedAsInAStart() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["true"])
      spec.limits.memory = 1
      await #expect { try await worker.plan(spec) } throws: { isError($0, .invalidArgument) }
    }
  }

  @Test(.requiresRoot) func planTellsWhatWouldSeparateTheJobFromTheHost() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      let own = try #require(try await worker.plan(spec).isolation)
      #expect(own.user.contains("of its own, given at the start"))
      #expect(own.capabilities.isEmpty && own.noNewPrivileges)
      #expect(own.namespaces.contains("network") && own.seccomp.hasPrefix("on: "))
      spec.user = .ids(uid: 0, gid: 0)
      spec.network = .host
      spec.deniesSystemCalls = false
      let planned = try await worker.plan(spec).isolation
      #expect(planned == (try await worker.start(spec, owner: "alice").isolation))
      #expect(planned?.capabilities.contains("chown") == true)
      spec.rootfs = "/no/such/tree"
      await #expect { try await worker.plan(spec) } throws: { isError($0, .invalidArgument) }
    }
  }

  private static let mounts = MountInfo.parse(
    """
    20 1 8:0 / / rw - ext4 /dev/sda rw
    21 20 8:16 / /data rw - ext4 /dev/sdb rw
    22 20 0:50 / /mnt rw - nfs4 server:/x rw
    23 20 0:51 / /ro ro - nfs4 server:/y rw
    24 20 0:52 / /proc rw - proc proc rw
    25 20 8:32 / /secret rw - ext4 /dev/sdc rw
    """)

  private func find(_ paths: [String]) throws -> HostFacts.Disks {
    let folder = try TemporaryFolder()
    for device in ["8:0", "8:16", "8:32"] {
      try File.makeFolders("\(folder.path)/dev/block/\(device)")
    }
    return JobDisks.find(
      paths: paths, more: Self.mounts.map(\.mountPoint), hidden: ["/secret"], mounts: Self.mounts,
      resolver: DiskResolver(mounts: Self.mounts, sys: folder.path) { $0 })
  }

  @Test func everyDiskThatIsMountedIsLimitedAndWhatIsOnNoneIsNoted() throws {
    let found = try self.find(["/var/lib/worker/jobs", "/"])
    #expect(found.all.map(\.device.description) == ["8:0", "8:16"])
    guard case .found(_, let unlimited) = found else { return }
    #expect(unlimited == ["/mnt (nfs4)", "/ro (nfs4)"])
  }

  @Test func stateOnANetworkFileSystemIsRefused() throws {
    #expect(
      try self.find(["/mnt/state"])
        == .failure("/mnt/state is on nfs4, which has no disk of its own"))
  }
}
