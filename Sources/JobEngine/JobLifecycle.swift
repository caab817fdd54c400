import JobStore

/// Where one job is in its life: a value that only decides.
struct JobLifecycle: Sendable {
  enum Phase: Hashable, Sendable {
    case starting
    case running
    case stopping
    case finished(ExitRecord)
    /// It never ran, and nothing of it is left.
    case failed(WorkerError)
  }

  private(set) var phase = Phase.starting
  /// As read back from the kernel, known before the program runs.
  var applied: [String: AppliedLimit] = [:]
  /// The kernel's files that tell what it uses, by the names `Usage` knows.
  var usageFiles: [ExitRecord.Evidence] = []
  /// Set by the keeper; nil until then, or for ever if the job did not get that far.
  var start: StartRecord?
  /// Goes up with every sign that there may be new output.
  private(set) var outputGeneration: UInt64 = 0
  /// The worker is closing: nobody may wait any longer.
  private(set) var isClosed = false
  /// The job is forgotten and its files are gone or going.
  private(set) var isRemoved = false

  var state: JobState {
    switch self.phase {
    case .starting: .starting
    case .running: .running
    case .stopping: .stopping
    case .finished, .failed: .finished
    }
  }

  var record: ExitRecord? {
    if case .finished(let record) = self.phase { return record }
    return nil
  }

  /// True once nothing will happen to it any more.
  var isOver: Bool { self.state == .finished }
}

// Events.
extension JobLifecycle {
  /// The keeper said that the program was executed; the end may have been seen before that.
  mutating func started() {
    if self.phase == .starting { self.phase = .running }
    // What it wrote until now was seen by nobody.
    self.outputChanged()
  }

  mutating func startFailed(_ error: WorkerError) {
    if !self.isOver { self.phase = .failed(error) }
  }

  enum OnStop: Hashable {
    case tellKeeper
    /// The caller gets the status: stopping what is finished is no error.
    case isOver
    /// It is being set up and nobody could take the order: wait and ask again.
    case waitForStart
  }

  mutating func stop() -> OnStop {
    switch self.phase {
    case .starting: return .waitForStart
    case .running, .stopping:
      self.phase = .stopping
      return .tellKeeper
    case .finished, .failed: return .isOver
    }
  }

  enum OnFinish: Hashable {
    case publish
    /// The end is known already, or there was no beginning.
    case ignore
  }

  mutating func finish(_ record: ExitRecord) -> OnFinish {
    guard !self.isOver else { return .ignore }
    self.phase = .finished(record)
    self.usageFiles = []
    return .publish
  }

  mutating func outputChanged() {
    self.outputGeneration &+= 1
  }

  enum OnRemove: Hashable {
    case remove
    case refuse
    /// Somebody else is at it.
    case isRemoved
  }

  mutating func remove() -> OnRemove {
    guard self.isOver else { return .refuse }
    guard !self.isRemoved else { return .isRemoved }
    self.isRemoved = true
    return .remove
  }

  mutating func close() {
    self.isClosed = true
  }
}
