import Testing

@testable import JobEngine

/// What one owner's unfinished jobs may have together.
@Suite struct QuotaTests {
  private static func spec(memory: Int64? = nil, cpu: Double? = nil) -> JobSpec {
    var spec = JobSpec(command: ["x"])
    spec.limits.memory = memory
    spec.limits.cpu = cpu
    return spec
  }

  private static func reserve(
    _ registry: inout Registry, _ spec: JobSpec, owner: String = "alice", _ quota: OwnerQuota
  ) throws(WorkerError) -> Job {
    switch try registry.reserve(
      spec, id: .random(), owner: owner, request: nil, time: 1, user: nil, quota: quota)
    {
    case .new(let job), .existing(let job): job
    }
  }

  private var registry: Registry { Registry(userIDs: 60000...60100) }

  @Test func jobsAreCountedByOwner() throws {
    var registry = self.registry
    var quota = OwnerQuota()
    quota.jobs = 2
    let first = try Self.reserve(&registry, Self.spec(), quota)
    _ = try Self.reserve(&registry, Self.spec(), quota)
    let error = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, Self.spec(), quota)
    }
    #expect(error?.code == .resourceExhausted)
    _ = try Self.reserve(&registry, Self.spec(), owner: "bob", quota)
    registry.release(first)
    _ = try Self.reserve(&registry, Self.spec(), quota)
  }

  @Test func outputThatIsKeptIsAddedUp() throws {
    var registry = self.registry
    var quota = OwnerQuota()
    quota.output = 3 << 20
    var spec = Self.spec()
    spec.outputQuota = 2 << 20
    _ = try Self.reserve(&registry, spec, quota)
    let error = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, spec, quota)
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.description.contains("output: ") == true)
    spec.outputQuota = 1 << 20
    _ = try Self.reserve(&registry, spec, quota)
  }

  @Test func limitsAreSummed() throws {
    var registry = self.registry
    var quota = OwnerQuota()
    quota.limits.memory = 100 << 20
    quota.limits.cpu = 1.5
    _ = try Self.reserve(&registry, Self.spec(memory: 60 << 20, cpu: 1), quota)
    let memory = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, Self.spec(memory: 41 << 20, cpu: 0.1), quota)
    }
    let cpu = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, Self.spec(memory: 1 << 20, cpu: 0.6), quota)
    }
    #expect(memory?.code == .resourceExhausted && memory?.message.hasPrefix("memory: ") == true)
    #expect(cpu?.code == .resourceExhausted && cpu?.message.hasPrefix("cpu: ") == true)
    _ = try Self.reserve(&registry, Self.spec(memory: 40 << 20, cpu: 0.5), quota)
  }

  @Test func whatFitsExactlyFits() throws {
    var registry = self.registry
    var quota = OwnerQuota()
    quota.limits.cpu = 3.3
    registry.totals.cpu = 3.3
    for _ in 0..<3 { _ = try Self.reserve(&registry, Self.spec(cpu: 1.1), quota) }
    let more = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, Self.spec(cpu: 0.01), quota)
    }
    #expect(more?.message.contains("have 3.3 of the 3.3 ") == true, "\(more?.message ?? "")")
  }

  @Test func aJobWithoutALimitWouldTakeAll() throws {
    var registry = self.registry
    var quota = OwnerQuota()
    quota.limits.memory = 100 << 20
    let error = #expect(throws: WorkerError.self) {
      try Self.reserve(&registry, Self.spec(), quota)
    }
    #expect(error?.code == .failedPrecondition && error?.message.contains("--memory") == true)
  }
}
