import JobStore
import Linux
import Testing

@testable import JobEngine

/// Real groups.
@Suite(.requiresRoot) struct CgroupClearTests {
  /// In every hierarchy where a job has one, with a process in it and perhaps one in a group below.
  private func clears(_ layout: CgroupLayout, below: Bool) throws {
    let plan = CgroupPlan(id: .random(), limits: Limits(), disks: [], layout: layout)
    let (cgroup, _) = try Cgroup.make(plan)
    let process = try Bystander()
    for folder in cgroup.folders {
      let group = below ? "\(folder)/below" : folder
      if below { try File.makeFolder(path: group) }
      try File.writeText("\(process.identity.pid)", to: "\(group)/cgroup.procs")
    }
    #expect(!cgroup.remove())
    #expect(cgroup.clear())
    #expect(!process.isAlive)
    #expect(cgroup.folders.allSatisfy { !File.exists(path: $0) })
  }

  @Test(.requiresUnifiedCgroup, arguments: [false, true])
  func clearingWaitsForTheDyingAndTakesGroupsBelowToo(below: Bool) throws {
    try self.clears(try CgroupLayout.detect(root: nil), below: below)
  }

  @Test(.requiresLegacyCgroups) func clearingWaitsForTheDyingWithoutCgroup2() throws {
    var layout = try CgroupLayout.detect(root: nil)
    layout.unified = nil
    try self.clears(layout, below: false)
  }

  @Test(.requiresLegacyCgroups, .requiresUnifiedCgroup)
  func clearingFindsWhatIsInAV1GroupAlone() throws {
    let layout = try CgroupLayout.detect(root: nil)
    let plan = CgroupPlan(id: .random(), limits: Limits(), disks: [], layout: layout)
    let (cgroup, _) = try Cgroup.make(plan)
    let process = try Bystander()
    let folder = try #require(cgroup.legacy.last)
    try File.writeText("\(process.identity.pid)", to: "\(folder)/cgroup.procs")
    #expect(cgroup.clear())
    #expect(!process.isAlive)
  }

  /// By the keeper, before anybody hears of the end.
  @Test(.requiresLegacyCgroups) func whatWasMovedIntoAJobsV1GroupEndsWithTheJob() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
      let process = try Bystander()
      let group = try #require(
        worker.jobsGroup.layout.legacy.lazy
          .map { CgroupPlan.path(job.id, in: $0.folder) }.first(where: File.exists(path:)))
      try File.writeText("\(process.identity.pid)", to: "\(group)/cgroup.procs")
      _ = try await worker.stop(job.id, grace: .zero, by: "alice")
      _ = try await worker.wait(job.id)
      #expect(!process.isAlive)
      #expect(try cgroupFolders().allSatisfy { !$0.hasSuffix("\(job.id)") })
    }
  }

  @Test func whatAKilledStartLeftIsFoundByTheNextWorker() async throws {
    let folder = try TemporaryFolder()
    let layout = try CgroupLayout.detect(root: nil)
    let plan = CgroupPlan(id: .random(), limits: Limits(), disks: [], layout: layout)
    let id = JobID.random()
    let path = "\(folder.path)/state/jobs/\(id)"
    try File.makeFolders(path)
    let (cgroup, _) = try Cgroup.make(plan)
    var launch = LaunchPlan(
      jobID: id.description, command: ["true"], environment: [], workdir: "/", hostname: "x",
      user: .init(uid: 0, gid: 0), capabilities: 0)
    launch.cgroup2 = plan.unified
    launch.cgroupsV1 = plan.legacy
    try File.replace(JobDirectory.launch, in: try File.openFolder(path), with: launch.encoded())
    let worker = try await Worker.open(configuration(folder))
    #expect(cgroup.folders.allSatisfy { !File.exists(path: $0) })
    #expect(!File.exists(path: path))
    await worker.close()
  }
}

extension Trait where Self == ConditionTrait {
  static var requiresUnifiedCgroup: Self {
    .enabled("needs a host with cgroup2") { try CgroupLayout.detect(root: nil).unified != nil }
  }
}
