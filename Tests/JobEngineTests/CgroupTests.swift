import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct ControllerTests {
  private let disk = JobDisk(BlockDevice(major: 8, minor: 16))

  private func lines(
    _ controller: any Controller.Type, _ version: CgroupVersion, disks: [JobDisk] = [],
    _ change: (inout Limits) -> Void
  ) -> [String] {
    var limits = Limits()
    change(&limits)
    return controller.settings(for: limits, disks: disks, version).map { "\($0.file)=\($0.value)" }
  }

  @Test(arguments: [(0.01, 1000), (0.25, 25_000), (1, 100_000), (64.5, 6_450_000)])
  func coresBecomeAQuota(cores: Double, quota: Int) {
    #expect(self.lines(CPU.self, .v2) { $0.cpu = cores } == ["cpu.max=\(quota) 100000"])
    #expect(
      self.lines(CPU.self, .v1) { $0.cpu = cores }
        == ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=\(quota)"])
  }

  @Test func memoryAloneMeansNoSwap() {
    #expect(
      self.lines(Memory.self, .v2) { $0.memory = 4096 } == ["memory.max=4096", "memory.swap.max=0"])
    #expect(
      self.lines(Memory.self, .v1) { $0.memory = 4096 }
        == ["memory.limit_in_bytes=4096", "memory.memsw.limit_in_bytes=4096"])
  }

  @Test func swapIsOnTopOfMemory() {
    let both = { (limits: inout Limits) in
      limits.memory = 4096
      limits.memorySwap = 100
    }
    #expect(self.lines(Memory.self, .v2, both) == ["memory.max=4096", "memory.swap.max=100"])
    #expect(
      self.lines(Memory.self, .v1, both)
        == ["memory.limit_in_bytes=4096", "memory.memsw.limit_in_bytes=4196"])
  }

  @Test func swapThatNobodyAskedForMayBeMissing() {
    var limits = Limits()
    limits.memory = 4096
    #expect(Memory.settings(for: limits, disks: [], .v2).map(\.implied) == [false, true])
    limits.memorySwap = 0
    #expect(Memory.settings(for: limits, disks: [], .v2).map(\.implied) == [false, false])
  }

  @Test func ratesAreOneLineADiskOnV2AndAFileEachOnV1() {
    let rates = { (limits: inout Limits) in
      limits.ioWrite = 7
      limits.ioReadOps = 9
    }
    let disks = [self.disk, JobDisk(BlockDevice(major: 9, minor: 0))]
    #expect(
      self.lines(IO.self, .v2, disks: disks, rates)
        == ["io.max=8:16 wbps=7 riops=9", "io.max=9:0 wbps=7 riops=9"])
    #expect(
      self.lines(IO.self, .v1, disks: [self.disk], rates) == [
        "blkio.throttle.write_bps_device=8:16 7", "blkio.throttle.read_iops_device=8:16 9",
      ])
  }

  @Test func pidsAreAFile() {
    #expect(self.lines(PIDs.self, .v2) { $0.pids = 64 } == ["pids.max=64"])
    #expect(self.lines(PIDs.self, .v1) { $0.pids = 64 } == ["pids.max=64"])
  }

  @Test func noLimitWritesNothing() {
    for controller in Controllers.all + Controllers.withoutUnified {
      for version in [CgroupVersion.v1, .v2] {
        #expect(self.lines(controller, version, disks: [self.disk]) { _ in }.isEmpty)
      }
    }
  }
}

@Suite struct CgroupLayoutTests {
  private func layout(
    _ mounts: [String], _ membership: String, controllers: Set<String> = [], root: String? = nil
  ) -> CgroupLayout {
    let lines = mounts.enumerated().map { "\($0.offset + 20) 1 0:\($0.offset) \($0.element)" }
    return CgroupLayout(
      mountinfo: lines.joined(separator: "\n"), membership: membership, root: root
    ) { _ in controllers }
  }

  @Test func unifiedHost() {
    let layout = self.layout(
      ["/ /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw"],
      "0::/system.slice/worker.service\n", controllers: ["cpu", "memory"])
    #expect(layout.version == "v2")
    #expect(layout.unified?.folder == "/sys/fs/cgroup/system.slice/worker.service")
    #expect(layout.place(of: CPU.self)?.0 == .v2)
    #expect(layout.place(of: IO.self) == nil)
  }

  @Test func hybridHost() {
    let layout = self.layout(
      [
        "/ /sys/fs/cgroup rw - tmpfs tmpfs rw",
        "/ /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
        "/ /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        "/ /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
        "/ /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
      ], "4:memory:/group/a\n3:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n")
    #expect(layout.version == "hybrid")
    #expect(layout.unified?.folder == "/sys/fs/cgroup/unified")
    #expect(layout.place(of: Memory.self)?.folder == "/sys/fs/cgroup/memory/group/a")
    #expect(layout.place(of: CPU.self)?.folder == "/sys/fs/cgroup/cpu,cpuacct")
    #expect(layout.place(of: PIDs.self) == nil)
    #expect(layout.legacy.count == 2)
  }

  /// What the kernel has for cgroup2 alone, and v1 did not take, is of no use to anybody here.
  @Test func hybridHostWhoseUnifiedControllersNobodyUses() {
    let mounts = [
      "/ /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "/ /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    ]
    let membership = "4:memory:/\n0::/\n"
    #expect(self.layout(mounts, membership, controllers: ["hugetlb"]).version == "hybrid")
    #expect(self.layout(mounts, membership, controllers: ["hugetlb", "pids"]).version == "v2")
    #expect(self.layout([mounts[1]], "0::/\n", controllers: ["hugetlb"]).version == "v2")
  }

  @Test func legacyHost() {
    let layout = self.layout(
      ["/ /cg/pids rw - cgroup cgroup rw,pids"], "2:pids:/\n1:name=systemd:/x\n")
    #expect(layout.version == "v1")
    #expect(layout.place(of: PIDs.self)?.folder == "/cg/pids")
  }

  @Test func mountOfASubtreeIsTakenIntoAccount() {
    let layout = self.layout(
      ["/docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw"], "0::/docker/abc/inner\n")
    #expect(layout.unified?.folder == "/sys/fs/cgroup/inner")
    let outside = self.layout(
      ["/docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw"], "0::/docker/abcdef\n")
    #expect(outside.unified?.folder == "/sys/fs/cgroup")
  }

  @Test func workerThatMovedToALeafKeepsItsRoot() {
    let layout = self.layout(
      ["/ /sys/fs/cgroup rw - cgroup2 cgroup rw"], "0::/w.service/supervisor\n")
    #expect(layout.unified?.folder == "/sys/fs/cgroup/w.service")
  }

  @Test func rootThatWasGivenWins() {
    let layout = self.layout(
      ["/ /sys/fs/cgroup rw - cgroup2 cgroup rw"], "0::/a\n", root: "/sys/fs/cgroup/jobs")
    #expect(layout.unified?.folder == "/sys/fs/cgroup/jobs")
  }
}

@Suite struct CgroupPlanTests {
  private let id = JobID.random()

  private var hybrid: CgroupLayout {
    CgroupLayout(
      unified: .init(folder: "/u", controllers: []),
      legacy: [
        .init(folder: "/cpu", controllers: ["cpu", "cpuacct"]),
        .init(folder: "/memory", controllers: ["memory"]),
        .init(folder: "/freezer", controllers: ["freezer"]),
      ])
  }

  @Test func hybridJobIsInTheUnifiedGroupAndInThoseThatLimit() {
    var limits = Limits()
    limits.memory = 8 << 20
    let plan = CgroupPlan(id: self.id, limits: limits, disks: [], layout: self.hybrid)
    #expect(plan.unified == "/u/worker-\(self.id)")
    #expect(plan.legacy == ["/cpu/worker-\(self.id)", "/memory/worker-\(self.id)"])
    #expect(plan.evidence.map(\.name).prefix(2) == ["cpu.stat", "v1/cpu.stat"])
    #expect(plan.folders.last?.settings.map(\.file).first == "memory.limit_in_bytes")
  }

  @Test func withoutUnifiedTheFreezerAndAccountingJoin() {
    let layout = CgroupLayout(unified: nil, legacy: self.hybrid.legacy)
    let plan = CgroupPlan(id: self.id, limits: Limits(), disks: [], layout: layout)
    #expect(plan.unified == nil)
    #expect(plan.legacy.map { $0.split(separator: "/")[0] } == ["cpu", "memory", "freezer"])
    #expect(plan.evidence.map(\.name).contains("v1/cpuacct.usage"))
  }

  @Test func everythingIsInOneFolderOnV2() {
    let layout = CgroupLayout(
      unified: .init(folder: "/u", controllers: ["cpu", "memory", "io", "pids"]), legacy: [])
    var limits = Limits()
    limits.cpu = 1
    limits.pids = 10
    let plan = CgroupPlan(id: self.id, limits: limits, disks: [], layout: layout)
    #expect(plan.folders.count == 1)
    #expect(plan.folders[0].settings.map(\.file) == ["cpu.max", "pids.max"])
    #expect(
      plan.evidence.map(\.name) == [
        "cpu.stat", "memory.events", "memory.peak", "io.stat", "pids.events", "pids.peak",
        "cpu.pressure", "memory.pressure", "io.pressure",
      ])
  }
}

/// The file system part, on ordinary folders: they need no root.
@Suite struct CgroupFilesTests {
  @Test func limitThatTheKernelRefusesIsNamedAndTheFolderRemoved() throws {
    let folder = try TemporaryFolder()
    let layout = CgroupLayout(
      unified: .init(folder: folder.path, controllers: ["pids"]), legacy: [])
    var limits = Limits()
    limits.pids = 10
    let plan = CgroupPlan(id: .random(), limits: limits, disks: [], layout: layout)
    // No kernel makes pids.max appear in an ordinary folder.
    #expect { try Cgroup.make(plan) } throws: { error in
      isError(error, .failedPrecondition)
        && "\(error)".hasPrefix("cannot limit pids: the kernel refused open(")
    }
    #expect(try names(in: folder.path).isEmpty)
  }

  @Test func swapThatCannotBeLimitedIsRefusedWhereThereIsSome() throws {
    let setting = CgroupSetting("memory.swap.max", 0, for: .memorySwap)
    let head = "Filename Type Size Used Priority\n"
    try AppliedLimits.checkNoSwap(setting, swaps: "")
    try AppliedLimits.checkNoSwap(setting, swaps: head)
    #expect {
      try AppliedLimits.checkNoSwap(setting, swaps: head + "/dev/sda2 partition 1 0 -2\n")
    } throws: {
      isError($0, .failedPrecondition) && "\($0)".hasPrefix("cannot limit memory: ")
    }
  }

  @Test func swapThatCannotBeLimitedIsShownWhereTheBestIsEnough() throws {
    let folder = try TemporaryFolder()
    var setting = CgroupSetting("memory.swap.max", 0, for: .memorySwap)
    setting.implied = true
    var applied = AppliedLimits(bestEffort: true)
    try applied.apply(setting, in: folder.path, swaps: "head\n/dev/sda2 partition 1 0 -2\n")
    #expect(applied.byName["memorySwap"]?.unenforced?.contains("swapaccount=1") == true)
  }

  /// What was refused once would be again, and is as it was.
  @Test func ofAChangeThatFailsOnlyWhatWasWrittenIsSetBack() throws {
    let folder = try TemporaryFolder()
    let root = try File.openFolder(folder.path)
    try File.replace("cpu.max", in: root, with: Array("100000 100000\n".utf8))
    // Can be read, and refuses whatever is written.
    symlink("/proc/version", "\(folder.path)/pids.max")
    var new = Limits()
    new.cpu = 2
    new.pids = 10
    let cgroup = Cgroup(unified: folder.path, legacy: [])
    let change = try CgroupChange(cgroup, from: Limits(), to: new, disks: [])
    let error = #expect(throws: WorkerError.self) { try change.apply() }
    #expect(error?.message.hasSuffix("; nothing was changed") == true, "\(error?.message ?? "")")
    #expect(try File.readText("\(folder.path)/cpu.max") == "100000 100000\n")
  }

  @Test func controllersAreHandedOnToTheJobs() throws {
    let folder = try TemporaryFolder()
    let root = try File.openFolder(folder.path)
    try File.replace("cgroup.procs", in: root, with: [])
    try File.replace("cgroup.subtree_control", in: root, with: Array("memory\n".utf8))
    let layout = CgroupLayout(
      unified: .init(folder: folder.path, controllers: ["cpu", "memory", "io", "hugetlb"]),
      legacy: [])
    try CgroupRoot.prepare(layout)
    let text = try File.readText("\(folder.path)/cgroup.subtree_control")
    #expect(text.hasPrefix("+cpu +io"))
  }
}
