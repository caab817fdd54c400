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
