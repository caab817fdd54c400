import JobStore

// How much of a job's output is kept.
extension JobSpec {
  /// Bytes; less than that could not hold what a reader needs to find its way.
  package static let leastOutput = Int64(JournalQuota.minimum)

  /// With the worker's default where nothing was asked; throws when too much or too little was.
  func settled(_ configuration: WorkerConfiguration) throws(WorkerError) -> JobSpec {
    let maximum = configuration.maxOutputQuota ?? .max
    guard let quota = self.outputQuota else {
      var spec = self
      let bound = min(maximum, self.outputQuotaBound ?? .max)
      spec.outputQuota = max(Self.leastOutput, min(configuration.defaultOutputQuota, bound))
      spec.outputQuotaBound = nil
      return spec
    }
    guard quota >= Self.leastOutput else {
      throw .invalid(
        "output-quota must be at least \(Self.leastOutput) bytes (256 KiB), got \(quota)")
    }
    guard quota <= maximum else {
      throw .invalid("output-quota can be at most \(maximum) bytes on this server, got \(quota)")
    }
    return self
  }
}

extension JournalQuota {
  init(_ spec: JobSpec) {
    self.init(
      bytes: spec.outputQuota.map { UInt64(clamping: $0) }, whenFull: WhenFull(spec.whenOutputFull))
  }
}

extension JournalQuota.WhenFull {
  init(_ choice: JobSpec.WhenOutputFull) {
    switch choice {
    case .dropOldest: self = .dropOldest
    case .block: self = .block
    case .stop: self = .stop
    }
  }
}

extension JobSpec.WhenOutputFull {
  /// As `JournalQuota.WhenFull` writes it.
  init(_ text: String?) {
    switch text.flatMap({ JournalQuota.WhenFull(rawValue: $0) }) {
    case .dropOldest, nil: self = .dropOldest
    case .block: self = .block
    case .stop: self = .stop
    }
  }
}
