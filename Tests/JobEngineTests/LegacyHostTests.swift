import JobStore
import Linux
import Testing

@testable import JobEngine

/// A worker that sees no cgroup2.
func legacyWorker(_ folder: TemporaryFolder) async throws -> Worker {
  let configuration = configuration(folder)
  var layout = try CgroupLayout.detect(root: nil)
  layout.unified = nil
  let state = try StateDirectory(configuration.stateDirectory, program: configuration.program)
  let group = try JobsGroup(
    in: layout, of: try FileIdentity(of: File.openFolder(state.path)), totals: configuration.totals)
  return Worker(
    configuration, jobsGroup: group, state: state, events: try await EventThread.start(),
    prepared: try PreparedJobs())
}

/// The same engine on a host that has no cgroup2: only v1 carries limits, usage and the kill.
@Suite(.requiresRoot, .requiresLegacyCgroups, .serialized) struct LegacyHostTests {
  private func withLegacyWorker(_ body: (Worker) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    let worker = try await legacyWorker(folder)
    #expect(worker.cgroupVersion == "v1")
    try await body(worker)
    await stopAll(worker)
    await worker.close()
  }

  @Test func usageIsCounted() async throws {
    try await self.withLegacyWorker { worker in
      let job = try await worker.start(
        shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"), owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.code == 0)
      #expect(status.usage.cpuTime > .milliseconds(1))
      #expect(status.usage.memoryPeakBytes > 0)
    }
  }

  @Test func lackOfMemoryIsSeen() async throws {
    try await self.withLegacyWorker { worker in
      var spec = JobSpec(command: ["tail", "/dev/zero"])
      spec.limits.memory = 16 << 20
      let job = try await worker.start(spec, owner: "alice")
      #expect(try await worker.wait(job.id).verdict?.reason == .oomKilled)
    }
  }

  @Test func lostJobIsKilledByTheFreezer() async throws {
    try await self.withLegacyWorker { worker in
      let job = try await worker.start(
        shell("setsid sleep 987005 & echo ready; exec sleep 987005"), owner: "alice")
      try await waitForOutput("ready", of: job.id, worker)
      try killKeeper(of: job)
      #expect(try await worker.wait(job.id).verdict?.reason == .lost)
      #expect(try processes(withArgument: "987005").isEmpty)
      #expect(try cgroupFolders().allSatisfy { !$0.hasSuffix("\(job.id)") })
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// v1 hierarchies beside or instead of cgroup2.
  static var requiresLegacyCgroups: Self {
    .enabled("needs a host with v1 cgroups") {
      try CgroupLayout.detect(root: nil).place(of: Freezer.self) != nil
    }
  }
}
