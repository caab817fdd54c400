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
}
