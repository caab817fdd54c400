import JobEngine
import Testing

/// Limits against programs that push against them, on whatever kind of cgroups this host has.
@Suite(.requiresRoot, .serialized) struct LimitTests {
  @Test func memoryHogIsKilledAndTheVerdictSaysWhy() async throws {
    try await withWorker { worker in
      // tail keeps what has no newline in memory.
      var spec = JobSpec(command: ["tail", "/dev/zero"])
      spec.limits.memory = 32 << 20
      let job = try await worker.start(spec, owner: "alice")
      #expect(job.applied["memory"]?.value == "\(32 << 20)")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .oomKilled)
      #expect(
        status.verdict?.message == "killed by the kernel: memory limit of \(32 << 20) bytes reached"
      )
      #expect(status.verdict?.evidence.contains { $0.contains("oom_kill 1") } == true)
      #expect(status.usage.memoryPeakBytes <= 32 << 20)
      #expect(status.usage.memoryPeakBytes > 16 << 20)
      #expect(status.applied == job.applied)
    }
  }

  @Test func busyLoopGetsItsShareOfTheProcessor() async throws {
    try await withWorker { worker in
      var spec = shell("while :; do :; done")
      spec.limits.cpu = 0.25
      spec.timeout = .seconds(2)
      let job = try await worker.start(spec, owner: "alice")
      let status = try await worker.wait(job.id)
      let wall = Double((status.endTime ?? 0) - (status.startTime ?? 0)) / 1e9
      let share = Double(status.usage.cpuTime / .milliseconds(1)) / 1000 / wall
      // Generous: the start of PID 1 counts too, and emulated processors count in coarse ticks.
      #expect(share < 0.5)
      #expect(status.usage.cpuThrottledTime > .zero)
      #expect(status.verdict?.reason == .timedOut)
    }
  }

  @Test func forkBombStopsAtTheLimit() async throws {
    try await withWorker { worker in
      var spec = shell(
        "i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; echo all; wait")
      spec.limits.pids = 20
      let job = try await worker.start(spec, owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.evidence.contains { $0.hasPrefix("pids.events: max ") } == true)
      #expect(!(try await collect(worker.output(of: job.id)).text.contains("all")))
    }
  }

  @Test func directWritesAreHeldToTheirRate() async throws {
    try await withWorker { worker in
      var spec = shell("dd if=/dev/zero of=/tmp/x bs=256k count=8 oflag=direct 2>&1")
      spec.limits.ioWrite = 1 << 20
      spec.limits.bestEffort = true  // v1 holds direct writes only, and these are
      let job = try await worker.start(spec, owner: "alice")
      #expect(job.applied["ioWrite"]?.value.contains("1048576") == true)
      let status = try await worker.wait(job.id)
      let seconds = Double((status.endTime ?? 0) - (status.startTime ?? 0)) / 1e9
      #expect(status.verdict?.code == 0)
      // 2 MiB; the kernel lets a first slice through at once.
      #expect(seconds > 1.2)
      #expect(status.usage.ioWriteBytes >= 2 << 20)
    }
  }

  @Test func everyLimitIsReadBack() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      spec.limits.cpu = 1.5
      spec.limits.memory = 64 << 20
      spec.limits.memorySwap = 16 << 20
      spec.limits.ioRead = 5 << 20
      spec.limits.ioWrite = 6 << 20
      spec.limits.ioReadOps = 1000
      spec.limits.ioWriteOps = 2000
      spec.limits.pids = 30
      spec.limits.bestEffort = true  // v1 refuses io-write without
      let job = try await worker.start(spec, owner: "alice")
      let names = [
        "cpu", "ioRead", "ioReadOps", "ioWrite", "ioWriteOps", "memory", "memorySwap", "pids",
      ]
      #expect(job.applied.keys.sorted() == names)
      #expect(job.applied.values.allSatisfy { $0.unenforced == nil })
      #expect(try await worker.status(job.id).applied == job.applied)
    }
  }

  @Test func weightProcessorsAndResourcesReachTheProgram() async throws {
    try await withWorker { worker in
      var spec = shell("ulimit -n; ulimit -Hn; ulimit -c; grep Cpus_allowed_list /proc/self/status")
      spec.limits.cpuWeight = 50
      spec.limits.cpuset = "0"
      spec.limits.cpu = 100_000
      spec.limits.resources = [
        .nofile: ResourceLimit(soft: 100, hard: 200), .core: ResourceLimit(soft: 0, hard: 0),
      ]
      let job = try await worker.start(spec, owner: "alice")
      #expect(["50", "512"].contains(job.applied["cpuWeight"]?.value))
      #expect(job.applied["cpuset"]?.value == "0")
      #expect(job.applied["nofile"] == AppliedLimit(file: "RLIMIT_NOFILE", value: "100:200"))
      #expect(job.applied["cpu"]?.note.contains("cores of this host") == true)
      let text = try await collect(worker.output(of: job.id)).text
      #expect(text == "100\n200\n0\nCpus_allowed_list:\t0\n")
    }
  }

  @Test func processorThatIsNotHereIsRefusedOrLeftOut() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["true"])
      spec.limits.cpuset = "4000"
      await #expect { try await worker.start(spec, owner: "alice") } throws: {
        isError($0, .failedPrecondition) && "\($0)".hasPrefix("cannot limit cpuset: processor 4000")
      }
      spec.limits.bestEffort = true
      let job = try await worker.start(spec, owner: "alice")
      #expect(job.applied["cpuset"]?.unenforced?.hasPrefix("processor 4000") == true)
      #expect(try await worker.wait(job.id).applied == job.applied)
    }
  }

  @Test func limitWithoutAControllerIsRefusedAndNothingIsLeft() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.cgroupRoot = folder.path
    let worker = try await Worker.open(configuration)
    await #expect { try await worker.prepare() } throws: { error in
      isError(error, .failedPrecondition) && "\(error)".contains("is not a cgroup2 folder")
    }
    await worker.close()
  }

  @Test func memoryOnDiskLessStateIsRefusedForIO() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.stateDirectory = "/dev/shm/\(folder.path.split(separator: "/").last ?? "")"
    defer { try? removeFolder(below: "/dev/shm", configuration.stateDirectory) }
    let worker = try await Worker.open(configuration)
    var spec = JobSpec(command: ["true"])
    spec.limits.ioWrite = 1 << 20
    await #expect { try await worker.start(spec, owner: "alice") } throws: { error in
      isError(error, .failedPrecondition) && "\(error)".contains("is on tmpfs")
    }
    await worker.close()
  }
}
