import JobStore
import Linux
import Testing

@testable import JobEngine

/// Limits against what a host has.
@Suite struct LimitSurveyTests {
  private var host: HostFacts {
    var host = HostFacts(cores: 2, cpus: CPUList(numbers: 0...1))
    host.disks = .found([JobDisk(BlockDevice(major: 8, minor: 0))])
    host.maxOpenFiles = 1000
    return host
  }

  private let unified = CgroupLayout(
    unified: .init(folder: "/u", controllers: ["cpu", "cpuset", "memory", "io", "pids"]),
    legacy: [])
  private let legacy = CgroupLayout(
    unified: .init(folder: "/u", controllers: []),
    legacy: ["cpu", "memory", "blkio", "cpuset"].map { .init(folder: "/\($0)", controllers: [$0]) })

  private func survey(
    _ layout: CgroupLayout, _ host: HostFacts? = nil, _ change: (inout Limits) -> Void
  ) -> LimitSurvey {
    var limits = Limits()
    change(&limits)
    return LimitSurvey(limits, layout: layout, host: host ?? self.host)
  }

  @Test func nothingAskedIsNothingRefused() {
    let survey = self.survey(self.legacy) { _ in }
    #expect(survey.refused.isEmpty && survey.notes.isEmpty && survey.enforceable == Limits())
  }

  @Test func limitWithoutControllerIsRefusedByName() {
    let survey = self.survey(self.legacy) { $0.pids = 10 }
    #expect(survey.refusal?.0 == .pids)
    #expect(survey.refusal?.1.hasPrefix("this host has no cgroup controller 'pids'") == true)
    #expect(survey.enforceable.pids == nil)
  }

  @Test func bestEffortKeepsWhatCanBeHadAndSaysWhatCannot() {
    let survey = self.survey(self.legacy) {
      $0.memory = 8 << 20
      $0.memoryHigh = 4 << 20
      $0.pids = 10
      $0.bestEffort = true
    }
    #expect(survey.enforceable.asked == [.memory])
    let applied = survey.applied(["memory": AppliedLimit(file: "f", value: "8388608")])
    #expect(applied.keys.sorted() == ["memory", "memoryHigh", "pids"])
    #expect(applied["memory"]?.unenforced == nil)
    #expect(applied["memoryHigh"]?.unenforced?.contains("memory.high") == true)
    #expect(applied["pids"]?.unenforced?.contains("controller 'pids'") == true)
  }

  @Test func moreCoresThanThereAreIsAllowedAndNoted() {
    let survey = self.survey(self.unified) { $0.cpu = 64 }
    #expect(survey.refused.isEmpty)
    #expect(survey.notes[.cpu] == "more than the 2 cores of this host")
    #expect(self.survey(self.unified) { $0.cpu = 2 }.notes.isEmpty)
  }

  @Test func processorsThatAreNotHereAreRefusedByNumber() {
    let survey = self.survey(self.unified) { $0.cpuset = "1-3" }
    #expect(
      survey.refused[.cpuset] == "processor 2-3 is not among those there are here: 0-1")
    #expect(self.survey(self.legacy) { $0.cpuset = "0" }.refused.isEmpty)
  }

  @Test func unresolvedDiskRefusesEveryIOLimit() {
    var host = self.host
    host.disks = .failure("/x is on tmpfs")
    let survey = self.survey(self.unified, host) {
      $0.ioRead = 1
      $0.ioWeight = 100
      $0.cpu = 1
    }
    #expect(survey.refused == [.ioRead: "/x is on tmpfs", .ioWeight: "/x is on tmpfs"])
    #expect(survey.enforceable.asked == [.cpu])
  }

  @Test(arguments: [LimitName.ioWrite, .ioWriteOps])
  func whatV1HoldsForSomeWritesOnlyIsRefusedOrNoted(name: LimitName) throws {
    let path = try #require(Limits.numbers[name])
    let refused = self.survey(self.legacy) { $0[keyPath: path] = 1 }
    #expect(refused.refusal?.0 == name)
    #expect(refused.refusal?.1.contains("synced writes") == true)
    #expect(!refused.enforceable.has(name))
    let best = self.survey(self.legacy) {
      $0[keyPath: path] = 1
      $0.bestEffort = true
    }
    #expect(best.refused.isEmpty && best.enforceable.has(name))
    #expect(best.notes[name]?.contains("synced writes") == true)
    let unified = self.survey(self.unified) { $0[keyPath: path] = 1 }
    #expect(unified.refused.isEmpty && unified.notes.isEmpty)
  }

  @Test func readsAreHeldOnV1() {
    #expect(self.survey(self.legacy) { $0.ioRead = 1 }.refused.isEmpty)
  }

  @Test func moreDescriptorsThanTheKernelAllowsAreRefused() {
    let limit = ResourceLimit(soft: 10, hard: nil)
    let survey = self.survey(self.unified) { $0.resources = [.nofile: limit, .core: limit] }
    #expect(survey.refused.keys.map(\.self) == [.nofile])
    #expect(survey.refused[.nofile]?.contains("1000 descriptors") == true)
    #expect(survey.applied([:])["core"]?.value == "10:unlimited")
    #expect(survey.applied([:])["core"]?.file == "RLIMIT_CORE")
  }

  @Test func raisingNeedsTheRightToIt() {
    var host = self.host
    host.ceilings = [.fsize: 100]
    let fits = ResourceLimit(soft: 1, hard: 100)
    #expect(host.refusal(of: fits, on: .fsize) == nil)
    let tooMuch = ResourceLimit(soft: 1, hard: 101)
    #expect(host.refusal(of: tooMuch, on: .fsize)?.contains("CAP_SYS_RESOURCE") == true)
  }

  @Test func everyLimitSurvivesTheDisk() throws {
    var spec = JobSpec(command: ["true"])
    spec.limits.cpu = 0.5
    spec.limits.cpuset = "0-1"
    for (index, path) in Limits.numbers.values.enumerated() {
      spec.limits[keyPath: path] = Int64(index)
    }
    spec.limits.memoryOOMGroup = true
    spec.limits.bestEffort = true
    spec.limits.resources = [
      .nofile: ResourceLimit(soft: 1, hard: 2), .core: ResourceLimit(soft: 0, hard: nil),
    ]
    #expect(spec.limits.asked == LimitName.allCases.filter { ![.fsize, .stack].contains($0) })
    var record = JobRecord(spec: spec, owner: "a", createTime: 1, uid: 2, gid: 3)
    record.applied = [
      "cpu": AppliedLimit(file: "cpu.max", value: "1 2"),
      "pids": AppliedLimit(unenforced: "no controller"),
    ]
    record.applied["cpu"]?.note = "more than there is"
    #expect(try JobRecord(record.encoded()) == record)
    var bare = spec.limits
    for name in LimitName.allCases { bare.remove(name) }
    #expect(bare.asked.isEmpty)
  }
}
