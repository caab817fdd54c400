import ArgumentParser
import JobEngine

/// What all jobs of a server may have together.
struct TotalsOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditional,
    help: "Unfinished jobs at a time, or none for no bound. (default: 1024)",
    transform: { try Bound(jobs: $0) })
  var maxJobs: Bound<Int>?
  @Option(
    parsing: .unconditional,
    help: "Unfinished jobs of one user, or none. (default: none)",
    transform: { try Bound(jobs: $0) })
  var maxJobsPerUser: Bound<Int>?
  @Option(
    parsing: .unconditional,
    help: "The sum of the jobs' memory limits, as 12G, or none. (default: 90 % of the host's)",
    transform: { try Bound($0, Values.size) })
  var maxMemory: Bound<Int64>?
  @Option(
    parsing: .unconditional,
    help: "The sum of the jobs' cores, as 6.5, or none. (default: none)",
    transform: { try Bound($0, Values.cores) })
  var maxCpu: Bound<Double>?
  @Option(
    parsing: .unconditional,
    help: "The sum of the jobs' process limits, or none. (default: half of the kernel's)",
    transform: { try Bound(count: $0) })
  var maxPids: Bound<Int64>?

  var totals: HostTotals {
    var totals = HostTotals.suitable()
    if let maxJobs { totals.jobs = maxJobs.value }
    if let maxJobsPerUser { totals.jobsPerOwner = maxJobsPerUser.value }
    if let maxMemory { totals.memory = maxMemory.value }
    if let maxCpu { totals.cpu = maxCpu.value }
    if let maxPids { totals.pids = maxPids.value }
    return totals
  }
}

/// A number above zero, or none.
struct Bound<Number: Comparable & Sendable & AdditiveArithmetic>: Sendable {
  let value: Number?

  init(_ text: String, _ parse: (String) throws -> Number) throws {
    if text == "none" {
      self.value = nil
      return
    }
    let value = try parse(text)
    guard value > .zero else { throw ValueError(description: "give more than 0, or none") }
    self.value = value
  }
}

extension Bound where Number: FixedWidthInteger {
  init(jobs text: String) throws { try self.init(count: text) }

  init(count text: String) throws {
    try self.init(text) { text in
      guard let value = Number(text) else {
        throw ValueError(description: "give a whole number, or none")
      }
      return value
    }
  }
}
