import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct HostTotalsTests {
  private func limits(_ change: (inout Limits) -> Void) -> Limits {
    var limits = Limits()
    change(&limits)
    return limits
  }

  @Test func sumsAreHeldWithTheNumbersInTheMessage() throws {
    var totals = HostTotals()
    totals.memory = 100
    totals.cpu = 2
    totals.pids = 50
    let held = [self.limits { $0.memory = 60 }, self.limits { $0.cpu = 1.5 }, Limits()]
    try totals.check(self.limits { $0.memory = 40 }, beside: held)
    try totals.check(Limits(), beside: held)
    let error = #expect(throws: WorkerError.self) {
      try totals.check(self.limits { $0.memory = 41 }, beside: held)
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message.hasPrefix("memory: the unfinished jobs of this host have 60 of") == true)
    #expect(throws: WorkerError.self) {
      try totals.check(self.limits { $0.cpu = 1 }, beside: held)
    }
    #expect(throws: WorkerError.self) {
      try totals.check(self.limits { $0.pids = 51 }, beside: held)
    }
  }

  @Test func totalsThatNoJobFitsIntoAreRefused() throws {
    try HostTotals().validate()
    try HostTotals.suitable().validate()
    var memory = HostTotals()
    memory.memory = 1 << 20
    #expect { try memory.validate() } throws: {
      isError($0, .invalidArgument)
        && "\($0)" == "max-memory must be at least 4194304, which one job takes, got 1048576"
    }
    var pids = HostTotals()
    pids.pids = 2
    #expect { try pids.validate() } throws: { "\($0)".hasPrefix("max-pids must be at least 3, ") }
    var cpu = HostTotals()
    cpu.cpu = 0.001
    #expect { try cpu.validate() } throws: { "\($0)".hasPrefix("max-cpu must be at least 0.01") }
    for value in [92_233_720_368_548, Double.infinity, .nan] {
      cpu.cpu = value
      #expect(throws: WorkerError.self) { try cpu.validate() }
    }
    pids.pids = .max
    #expect { try pids.validate() } throws: {
      "\($0)".hasPrefix("max-pids must be at most 4194304, or none, got ")
    }
  }

  @Test func quotasOfOutputThatNoJobFitsIntoAreRefused() async throws {
    let folder = try TemporaryFolder()
    var small = configuration(folder)
    small.defaultOutputQuota = 262_143
    await #expect { try await Worker.open(small) } throws: {
      isError($0, .invalidArgument)
        && "\($0)" == "output-quota must be at least 262144 bytes (256 KiB), got 262143"
    }
    var bounded = configuration(folder)
    bounded.maxOutputQuota = 1000
    await #expect { try await Worker.open(bounded) } throws: {
      isError($0, .invalidArgument) && "\($0)".hasPrefix("output-quota-max must be at least ")
    }
  }

  @Test func jobsAreCounted() throws {
    var totals = HostTotals()
    totals.jobs = 2
    totals.jobsPerOwner = 1
    try totals.check(count: 1, ofOwner: 0, owner: "alice")
    #expect(throws: WorkerError.self) {
      try totals.check(count: 2, ofOwner: 0, owner: "alice")
    }
    let error = #expect(throws: WorkerError.self) {
      try totals.check(count: 1, ofOwner: 1, owner: "alice")
    }
    #expect(error?.message.contains("'alice' has 1") == true)
  }

  @Test func aJobWithoutALimitGetsTheTotalOrHalfOfItsProcesses() {
    var totals = HostTotals()
    totals.pids = 100
    totals.cpu = 2
    let layout = CgroupLayout(unified: .init(folder: "/x", controllers: ["pids"]), legacy: [])
    #expect(totals.filling(Limits(), layout).pids == 50)
    #expect(totals.filling(Limits(), layout).cpu == nil)
    #expect(totals.filling(self.limits { $0.pids = 7 }, layout).pids == 7)
    let none = CgroupLayout(unified: nil, legacy: [])
    #expect(totals.filling(Limits(), none).pids == nil)
  }

  @Test func theHostsMemoryIsRead() {
    #expect(HostTotals.memory(of: "MemTotal:        2 kB\nMemFree: 1 kB\n") == 2048)
    #expect(HostTotals.memory(of: "") == nil)
    let totals = HostTotals.suitable()
    #expect(totals.jobs == 1024 && (totals.memory ?? 0) > 0 && (totals.pids ?? 0) > 0)
  }
}

@Suite(.requiresRoot, .serialized) struct HostProtectionTests {
  @Test func aStartThatWouldBeTooMuchIsRefusedAndAnEndMakesRoom() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.totals.jobs = 3
    configuration.totals.jobsPerOwner = 2
    configuration.totals.pids = 100
    let worker = try await Worker.open(configuration)
    var spec = JobSpec(command: ["sleep", "1000"])
    spec.limits.pids = 60
    let first = try await worker.start(spec, owner: "alice")
    await #expect { try await worker.start(spec, owner: "bob") } throws: {
      isError($0, .resourceExhausted) && "\($0)".hasPrefix("pids: ")
    }
    spec.limits.pids = nil
    let second = try await worker.start(spec, owner: "alice")
    #expect(second.applied["pids"]?.value == "50")
    await #expect { try await worker.start(spec, owner: "alice") } throws: {
      isError($0, .resourceExhausted) && "\($0)".contains("'alice' has 2")
    }
    _ = try await worker.start(spec, owner: "bob")
    await #expect { try await worker.start(spec, owner: "carol") } throws: {
      isError($0, .resourceExhausted) && "\($0)".contains("3 unfinished jobs")
    }
    _ = try await worker.stop(first.id, grace: .zero, by: "alice")
    _ = try await worker.start(spec, owner: "carol")
    await stopAll(worker)
    await worker.close()
  }

  /// Three that harm as they can, and one that has work to do: it is done. How fast is measured
  /// elsewhere.
  @Test func forkBombMemoryHogAndDiskHogDoNotKeepOthersFromWorking() async throws {
    try await withWorker { worker in
      var bomb = shell("b() { b | b & }; b; exec sleep 1000")
      bomb.limits.pids = 64
      bomb.limits.cpu = 0.2
      var memory = shell("while :; do tail /dev/zero; done")
      memory.limits.memory = 32 << 20
      memory.limits.cpu = 0.2
      var disk = shell("while :; do dd if=/dev/zero of=/tmp/x bs=1M count=8 oflag=direct; done")
      disk.limits.ioWrite = 4 << 20
      disk.limits.bestEffort = true
      disk.limits.cpu = 0.2
      var hogs: [JobID] = []
      for spec in [bomb, memory, disk] {
        hogs.append(try await worker.start(spec, owner: "mallory").id)
      }
      for _ in 0..<10 {
        let job = try await worker.start(JobSpec(command: ["echo", "alive"]), owner: "alice")
        #expect(try await collect(worker.output(of: job.id)).text == "alive\n")
      }
      for id in hogs {
        // A hog may have been ended by what its limits did to it: no matter here.
        _ = try await worker.stop(id, grace: .zero, by: "alice")
      }
      let left = try cgroupFolders()
      #expect(hogs.allSatisfy { id in !left.contains { $0.hasSuffix("\(id)") } })
    }
  }
}
