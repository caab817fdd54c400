import JobStore

// How much of a job's output is kept.
extension JobSpec {
  /// With the worker's default where nothing was asked; throws when too much or too little was.
  func settled(_ configuration: WorkerConfiguration) throws(WorkerError) -> JobSpec {
    let maximum = configuration.maxOutputQuota ?? .max
    guard let quota = self.outputQuota else {
      var spec = self
      spec.outputQuota = min(configuration.defaultOutputQuota, maximum)
      return spec
    }
    guard quota >= JournalQuota.minimum else {
      throw .invalid(
        "output-quota must be at least \(JournalQuota.minimum) bytes (256 KiB), got \(quota)")
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
