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
  /// As last changed; nil: as asked for at the start.
  private(set) var limits: Limits?
  private(set) var isUpdating = false
  /// The kernel's files that tell what it uses, by the names `Usage` knows.
  var usageFiles: [ExitRecord.Evidence] = []
  /// Set by the keeper; nil until then, or for ever if the job did not get that far.
  var start: StartRecord?
  /// Adopted from a worker that died while its keeper was starting it: whether its program was executed is
  /// not known yet.
  private(set) var isUnconfirmed = false
  /// Why its start is given up; the keeper is killed for it.
  private(set) var abandoned: WorkerError?
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
  /// The keeper said that the program was executed; the end may have been seen before that. False
  /// when the start was given up meanwhile.
  @discardableResult
  mutating func started() -> Bool {
    guard self.abandoned == nil else { return false }
    if self.phase == .starting { self.phase = .running }
    // What it wrote until now was seen by nobody.
    self.outputChanged()
    return true
  }

  /// Nobody has said that the program was executed.
  mutating func unconfirmed() { self.isUnconfirmed = true }

  mutating func confirmed(_ record: StartRecord) {
    self.start = record
    self.isUnconfirmed = false
  }

  /// Gives a start up that may never come to an end; false when there is none.
  mutating func abandonStart(_ why: WorkerError) -> Bool {
    guard self.phase == .starting else { return false }
    self.abandoned = self.abandoned ?? why
    return true
  }

  mutating func startFailed(_ error: WorkerError) {
    if !self.isOver { self.phase = .failed(error) }
  }

  enum OnStop: Hashable {
    case tellKeeper
    /// The caller gets the status: stopping what is finished is no error.
    case isOver
    /// It is being set up, perhaps for ever, and nobody could take the order: the start is given up.
    case killKeeper
  }

  mutating func stop(by identity: String) -> OnStop {
    switch self.phase {
    case .starting:
      let why = WorkerError(.aborted, "stopped by \(identity) while it was being started")
      return self.abandonStart(why) ? .killKeeper : .isOver
    case .running, .stopping: return .tellKeeper
    case .finished, .failed: return .isOver
    }
  }

  /// Its keeper has the order to end it.
  mutating func stopping() {
    if self.phase == .running { self.phase = .stopping }
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

  enum OnUpdate: Hashable {
    case begin
    case isOver
    /// Somebody else is at it.
    case isBusy
  }

  mutating func beginUpdate() -> OnUpdate {
    guard !self.isOver else { return .isOver }
    guard !self.isUpdating else { return .isBusy }
    self.isUpdating = true
    return .begin
  }

  mutating func updated(_ limits: Limits, _ applied: [String: AppliedLimit]) {
    self.limits = limits
    self.applied = applied
  }

  mutating func endUpdate() { self.isUpdating = false }

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
