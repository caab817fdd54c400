/// What all unfinished jobs of one owner may have together; nil means no bound of that kind.
public struct OwnerQuota: Hashable, Sendable {
  /// How many there may be.
  public var jobs: Int?
  /// The sums of their limits. A job without a limit that is bounded here is refused, as it could take
  /// all of it.
  public var limits = Limits()
  /// The sum of the output that is kept of each, in bytes.
  public var output: Int64?

  /// No bound at all.
  public init() {}
}

extension OwnerQuota {
  /// Whether one more job fits beside those that there are.
  func check(
    _ spec: JobSpec, beside others: [JobSpec], owner: String
  ) throws(WorkerError) {
    if let jobs = self.jobs, others.count >= jobs {
      throw WorkerError(
        .resourceExhausted,
        "'\(owner)' has \(others.count) unfinished jobs, and \(jobs) are allowed: wait for one to "
          + "end, or stop one")
    }
    try self.check(spec.limits, from: nil, beside: others.map(\.limits), owner: owner)
    try self.checkOutput(spec, beside: others, owner: owner)
  }

  /// Whether these limits fit beside those of the owner's other jobs. `old`: what a job that runs has;
  /// what does not grow is no matter of a change, as the bound may be less by now.
  func check(
    _ limits: Limits, from old: Limits?, beside others: [Limits], owner: String
  ) throws(WorkerError) {
    for (index, quantity) in Limits.quantityNames.enumerated() {
      guard let bound = self.limits.quantities[index] else { continue }
      if let old, !limits.grows(from: old, at: index) { continue }
      guard let wanted = limits.taken[index] else {
        throw WorkerError(
          .failedPrecondition,
          "the jobs of '\(owner)' may have \(bound.plain) of \(quantity) together, so that each "
            + "needs a limit: give --\(quantity)")
      }
      let held = others.reduce(0) { $0.plus($1.taken[index] ?? 0) }
      guard held.plus(wanted) > bound else { continue }
      throw WorkerError(
        .resourceExhausted,
        "\(quantity): the unfinished jobs of '\(owner)' have \(held.plain) of "
          + "\(bound.plain), and this one asks for \(wanted.plain): ask for less, or wait "
          + "for one to end")
    }
  }

  private func checkOutput(
    _ spec: JobSpec, beside others: [JobSpec], owner: String
  ) throws(WorkerError) {
    guard let bound = self.output, let wanted = spec.outputQuota else { return }
    let held = others.reduce(Int64(0)) { $0.addingClamped($1.outputQuota ?? 0) }
    guard held.addingClamped(wanted) > bound else { return }
    throw WorkerError(
      .resourceExhausted,
      "output: the unfinished jobs of '\(owner)' may keep \(held) of \(bound) bytes, and this one "
        + "\(wanted): give it a smaller --output-quota, or wait for one to end")
  }
}

extension Limits {
  /// In one order, to be summed.
  fileprivate var quantities: [Double?] {
    let whole = [
      self.memory, self.memorySwap, self.ioRead, self.ioWrite, self.ioReadOps, self.ioWriteOps,
      self.pids,
    ]
    return [self.cpu] + whole.map { $0.map(Double.init) }
  }

  /// What a job takes in truth: one with a memory limit alone has no swap.
  fileprivate var taken: [Double?] {
    var limits = self
    if limits.memory != nil { limits.memorySwap = limits.memorySwap ?? 0 }
    return limits.quantities
  }

  /// Without a limit there is nothing more to have.
  fileprivate func grows(from old: Limits, at index: Int) -> Bool {
    guard let before = old.taken[index] else { return false }
    return self.taken[index].map { $0 > before } ?? true
  }

  fileprivate static let quantityNames = [
    "cpu", "memory", "memory-swap", "io-read", "io-write", "io-read-ops", "io-write-ops", "pids",
  ]
}

extension Int64 {
  fileprivate func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = self.addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
