import Linux
import Testing

@testable import JobEngine

/// From limits to files, for those that are not plain numbers in one file.
@Suite struct LimitSettingTests {
  private func lines(
    _ controller: any Controller.Type, _ version: CgroupVersion, disks: [JobDisk] = [],
    _ change: (inout Limits) -> Void
  ) -> [String] {
    var limits = Limits()
    change(&limits)
    return controller.settings(for: limits, disks: disks, version).map { "\($0.file)=\($0.value)" }
  }

  @Test(arguments: [(1, 10), (50, 512), (100, 1024), (10_000, 102_400)] as [(Int64, Int)])
  func weightsKeepTheirProportionOnV1(weight: Int64, shares: Int) {
    #expect(self.lines(CPU.self, .v2) { $0.cpuWeight = weight } == ["cpu.weight=\(weight)"])
    #expect(self.lines(CPU.self, .v1) { $0.cpuWeight = weight } == ["cpu.shares=\(shares)"])
  }

  @Test func processorsNeedMemoryNodesOnV1() {
    #expect(self.lines(CPUSet.self, .v2) { $0.cpuset = "3,0-1,2" } == ["cpuset.cpus=0-3"])
    #expect(
      self.lines(CPUSet.self, .v1) { $0.cpuset = "5" } == ["cpuset.mems=", "cpuset.cpus=5"])
    var limits = Limits()
    limits.cpuset = "5"
    #expect(CPUSet.settings(for: limits, disks: [], .v1).map(\.inherited) == [true, false])
  }

  @Test func memoryHighAndGroupKillAreOfV2Only() {
    let both = { (limits: inout Limits) in
      limits.memoryHigh = 8192
      limits.memoryOOMGroup = true
    }
    #expect(self.lines(Memory.self, .v2, both) == ["memory.high=8192", "memory.oom.group=1"])
    #expect(self.lines(Memory.self, .v1, both).isEmpty)
    for limit in [LimitName.memoryHigh, .memoryOOMGroup] {
      #expect(Memory.refusal(of: limit, in: Limits(), disks: [], .v1)?.contains("v1") == true)
      #expect(Memory.refusal(of: limit, in: Limits(), disks: [], .v2) == nil)
    }
  }

  @Test func diskWeightGoesToWhateverSharesTheDisk() {
    func disk(_ minor: UInt32, _ sharing: JobDisk.Sharing) -> JobDisk {
      JobDisk(BlockDevice(major: 8, minor: minor), sharing: sharing)
    }
    let weight = { (limits: inout Limits) in limits.ioWeight = 50 }
    #expect(self.lines(IO.self, .v2, disks: [disk(0, .bfq)], weight) == ["io.bfq.weight=50"])
    #expect(
      self.lines(IO.self, .v2, disks: [disk(0, .cost), disk(16, .bfq), disk(32, .bfq)], weight)
        == ["io.bfq.weight=50", "io.weight=50"])
    #expect(self.lines(IO.self, .v1, disks: [disk(0, .bfq)], weight) == ["blkio.bfq.weight=50"])
  }

  @Test func diskThatNothingSharesIsRefusedWithItsScheduler() {
    let disk = JobDisk(
      BlockDevice(major: 8, minor: 0), sharing: .nothing(scheduler: "mq-deadline"))
    #expect(disk.refusal(ofWeight: 50, .v2)?.contains("its scheduler is mq-deadline") == true)
    let bfq = JobDisk(BlockDevice(major: 8, minor: 0), sharing: .bfq)
    #expect(bfq.refusal(ofWeight: 1000, .v2) == nil)
    #expect(bfq.refusal(ofWeight: 1001, .v2)?.contains("up to 1000, got 1001") == true)
    let cost = JobDisk(BlockDevice(major: 8, minor: 0), sharing: .cost)
    #expect(cost.refusal(ofWeight: 10_000, .v2) == nil)
    #expect(cost.refusal(ofWeight: 10_000, .v1)?.contains("cgroup v1") == true)
  }

  @Test(arguments: [
    ("none [mq-deadline] kyber bfq\n", "", JobDisk.Sharing.nothing(scheduler: "mq-deadline")),
    ("none mq-deadline [bfq]\n", "", .bfq), ("none\n", "", .nothing(scheduler: "none")),
    ("[none] bfq\n", "8:0 enable=1 ctrl=auto\n", .cost),
    ("[bfq]\n", "8:0 enable=0 ctrl=auto\n8:16 enable=1\n", .bfq),
    ("", "", .nothing(scheduler: "none")),
  ])
  func whatSharesADiskIsRead(scheduler: String, qos: String, sharing: JobDisk.Sharing) {
    let disk = BlockDevice(major: 8, minor: 0)
    #expect(JobDisk.sharing(of: disk, scheduler: scheduler, qos: qos) == sharing)
  }

  @Test(arguments: [
    ("0", "0"), ("0-3", "0-3"), ("3,1,2", "1-3"), ("0,2,4-5", "0,2,4-5"), ("7-7", "7"),
    ("1-2,2-3", "1-3"),
  ])
  func processorsAreWrittenAsTheKernelDoes(text: String, canonical: String) {
    #expect(CPUList(text)?.description == canonical)
  }

  @Test(arguments: ["", "-", "1-", "-1", "3-1", "1,", ",1", "a", "1-2-3", "8192", "0x1", "1 2"])
  func whatIsNoListOfProcessors(_ text: String) {
    #expect(CPUList(text) == nil)
  }

  /// As a parse of it would cost everybody else their answers.
  @Test func aListThatSaysTheSameForEverIsRefused() {
    let text = repeatElement("0-8191", count: 600_000).joined(separator: ",")
    #expect(CPUList(text) == nil)
    let whole = (0...8191).map(String.init).joined(separator: ",")
    #expect(CPUList(whole)?.description == "0-8191")
  }

  @Test func aValueTheKernelChangedIsAnErrorWithBoth() throws {
    try CgroupSetting("memory.max", 4_194_305, for: .memory, shown: .pages).check("4194304")
    try CgroupSetting("io.max", "8:0 rbps=7", for: .ioRead, shown: .among)
      .check("8:0 rbps=7 wbps=max riops=max wiops=max")
    try CgroupSetting("cpu.max", "1000 100000", for: .cpu).check("1000 100000")
    for (setting, shown) in [
      (CgroupSetting("memory.max", 8192, for: .memory, shown: .pages), "4096"),
      (CgroupSetting("memory.max", 8192, for: .memory, shown: .pages), "max"),
      (CgroupSetting("pids.max", 10, for: .pids), "11"), (CgroupSetting("pids.max", 10), ""),
      (CgroupSetting("io.max", "8:0 rbps=7", for: .ioRead, shown: .among), "8:0 rbps=70"),
      (CgroupSetting("io.max", "8:0 rbps=7", for: .ioRead, shown: .among), ""),
    ] {
      #expect { try setting.check(shown) } throws: {
        isError($0, .failedPrecondition)
          && "\($0)".contains("'\(setting.value)' was written to \(setting.file)")
          && "\($0)".hasSuffix("the kernel holds '\(shown)'")
      }
    }
  }
}
