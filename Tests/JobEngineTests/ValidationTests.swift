import Testing

@testable import JobEngine

@Suite struct ValidationTests {
  private func refusal(_ change: (inout JobSpec) -> Void) -> WorkerError? {
    var spec = JobSpec(command: ["true"])
    change(&spec)
    do throws(WorkerError) { try spec.validate() } catch { return error }
    return nil
  }

  @Test func ordinarySpecIsTaken() {
    let refusal = self.refusal {
      $0.name = "web-1.a_b"
      $0.labels = ["tier": "", "k.8": "any text\n"]
      $0.environment = ["A": "", "lower case": "b=c"]
      $0.workingDirectory = "/"
      $0.timeout = .nanoseconds(1)
      $0.limits.cpu = 0.01
      $0.limits.memory = 4 << 20
      $0.limits.memorySwap = 0
      $0.limits.ioRead = 1
      $0.limits.pids = 3
    }
    #expect(refusal == nil)
  }

  @Test(arguments: [[], [""], ["true", "a\0b"], ["\0"]])
  func badCommandIsRefused(command: [String]) {
    #expect(self.refusal { $0.command = command }?.code == .invalidArgument)
  }

  @Test(arguments: ["", "-a", ".a", "a b", "a/b", "é", "a\n", String(repeating: "a", count: 64)])
  func badNameIsRefused(name: String) {
    #expect(self.refusal { $0.name = name }?.code == .invalidArgument)
    #expect(self.refusal { $0.labels = [name: ""] }?.code == .invalidArgument)
  }

  @Test func tooManyOrTooLongLabelsAreRefused() {
    let many = Dictionary(uniqueKeysWithValues: (0..<65).map { ("k\($0)", "") })
    #expect(self.refusal { $0.labels = many }?.message == "at most 64 labels, got 65")
    let long = String(repeating: "x", count: 256)
    #expect(self.refusal { $0.labels = ["k": long] }?.code == .invalidArgument)
    #expect(self.refusal { $0.labels = ["k": "a\0"] }?.code == .invalidArgument)
  }

  @Test(arguments: [["": "x"], ["A=B": "x"], ["A\0": "x"], ["A": "x\0"]])
  func badEnvironmentIsRefused(environment: [String: String]) {
    #expect(self.refusal { $0.environment = environment }?.code == .invalidArgument)
  }

  @Test(arguments: ["", "tmp", "./tmp", "/tmp\0"])
  func badWorkingDirectoryIsRefused(path: String) {
    #expect(self.refusal { $0.workingDirectory = path }?.code == .invalidArgument)
  }

  @Test(arguments: [Duration.zero, .seconds(-1), .seconds(Int64.max)])
  func badTimeoutIsRefused(timeout: Duration) {
    #expect(self.refusal { $0.timeout = timeout }?.code == .invalidArgument)
  }

  @Test(arguments: [0, 0.009, -1, Double.nan, .infinity, -.infinity, 1e300])
  func badCPUIsRefused(cpu: Double) {
    #expect(self.refusal { $0.limits.cpu = cpu }?.message.contains("cpu must be") == true)
  }

  @Test(arguments: [Int64(0), -1, 4_194_303, .min])
  func tooLittleMemoryIsRefused(memory: Int64) {
    #expect(self.refusal { $0.limits.memory = memory }?.code == .invalidArgument)
  }

  @Test func swapNeedsMemoryAndFits() {
    #expect(self.refusal { $0.limits.memorySwap = 1 }?.message.contains("set memory too") == true)
    let refusal = self.refusal {
      $0.limits.memory = .max
      $0.limits.memorySwap = 1
    }
    #expect(refusal?.message.contains("too large") == true)
  }

  @Test(arguments: [Int64(0), -1, .min])
  func badRatesAreRefused(rate: Int64) {
    #expect(self.refusal { $0.limits.ioRead = rate }?.code == .invalidArgument)
    #expect(self.refusal { $0.limits.ioWrite = rate }?.code == .invalidArgument)
    #expect(self.refusal { $0.limits.ioReadOps = rate }?.code == .invalidArgument)
    #expect(self.refusal { $0.limits.ioWriteOps = rate }?.code == .invalidArgument)
  }

  @Test(arguments: [2, 0, -5])
  func tooFewPIDsAreRefused(pids: Int64) {
    #expect(
      self.refusal { $0.limits.pids = pids }?.message == "pids must be at least 3, got \(pids)")
  }

  @Test(
    arguments: [
      (\.memory, (1 << 60) + 1, "memory is too large"), (\.memory, .max, "memory is too large"),
      (\.memoryHigh, 4_194_303, "memory-high must be at least 4194304 bytes (4 MiB), got 4194303"),
      (\.memoryHigh, .max, "memory-high is too large"),
      (\.cpuWeight, 0, "cpu-weight must be at least 1, got 0"),
      (\.cpuWeight, 10_001, "cpu-weight must be at most 10000, got 10001"),
      (\.ioWeight, -1, "io-weight must be at least 1, got -1"),
      (\.ioWeight, .max, "io-weight must be at most 10000"),
      (\.pids, 4_194_305, "pids must be at most 4194304, got 4194305"),
      (\.ioRead, .max, "io-read must be at most 1152921504606846976, got 9223372036854775807"),
      (\.ioReadOps, 4_294_967_295, "io-read-ops must be at most 4294967294, got 4294967295"),
      (\.ioWriteOps, .max, "io-write-ops must be at most 4294967294"),
    ] as [(any WritableKeyPath<Limits, Int64?> & Sendable, Int64, String)])
  func numbersThatNoKernelTakesAreRefused(
    path: any WritableKeyPath<Limits, Int64?> & Sendable, value: Int64, message: String
  ) {
    let refusal = self.refusal { $0.limits[keyPath: path] = value }
    #expect(refusal?.code == .invalidArgument)
    #expect(refusal?.message.hasPrefix(message) == true, "\(refusal?.message ?? "none")")
  }

  @Test func memoryHighBelongsBelowMemory() {
    let refusal = self.refusal {
      $0.limits.memory = 8 << 20
      $0.limits.memoryHigh = 16 << 20
    }
    #expect(refusal?.message.contains("memory-high must not be above memory") == true)
  }

  @Test(arguments: ["", "1-", "3-1", "one", "0;1"]) func badProcessorsAreRefused(list: String) {
    #expect(self.refusal { $0.limits.cpuset = list }?.message.contains("got '\(list)'") == true)
  }

  @Test(
    arguments: [
      (Resource.nofile, 3, 100, "nofile must be at least 4, got 3"),
      (.nofile, 100, 99, "the soft limit must not be above the hard one, got 100:99"),
      (.stack, 1000, nil, "stack must be at least 131072, got 1000"),
      (.core, nil, 5, "got unlimited:5"),
    ] as [(Resource, UInt64?, UInt64?, String)])
  func badResourceLimitsAreRefused(
    resource: Resource, soft: UInt64?, hard: UInt64?, message: String
  ) {
    let refusal = self.refusal {
      $0.limits.resources = [resource: ResourceLimit(soft: soft, hard: hard)]
    }
    #expect(refusal?.message.contains(message) == true, "\(refusal?.message ?? "none")")
  }
}
