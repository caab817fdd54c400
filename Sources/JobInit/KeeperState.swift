import JobStore
import Linux

/// A keeper's decisions as a value: events in, actions out, no IO.
struct KeeperState: Hashable {
  enum Action: Hashable {
    /// Tell the engine that the job runs.
    case announce
    /// Send this signal to the target's process group.
    case forward(Int32)
    /// Kill PID 1, which ends every process of the job.
    case kill
    /// Stop every process where it is; let them go on.
    case freeze, thaw
    /// Tell `onCPUTime` how much processor time the job has used.
    case measureCPUTime
  }

  private(set) var cause = ExitRecord.Cause.itself
  private(set) var killed = false
  private(set) var end: ProcessEnd?
  private(set) var failure: InitFailure?
  private(set) var isRunning = false
  /// As PID 1 counts it.
  private(set) var target: Int32?
  /// Nanoseconds on the boot clock at which something is due.
  private(set) var timeoutAt: UInt64?
  private(set) var killAt: UInt64?

  private(set) var isPaused = false
  private var budget: CPUBudget?
  private struct Sender: Hashable {
    let name: String
    /// When it reached PID 1; nil while that is frozen.
    var time: UInt64?
  }
  /// The last signal passed on for each number, and who asked for it.
  private var senders: [Int32: Sender] = [:]
  private var endedAt: UInt64?
  private var wasSentKill = false

  private let timeout: UInt64?
  private let timeoutGrace: UInt64

  init(timeout: UInt64?, timeoutGrace: UInt64, budget: CPUBudget? = nil) {
    self.timeout = timeout
    self.timeoutGrace = timeoutGrace
    self.budget = budget
  }

  /// When to wake up for a deadline, if there is any.
  var nextDeadline: UInt64? {
    [self.timeoutAt, self.killAt, self.budget?.lookAt].compactMap { $0 }.min()
  }

  /// Who sent the signal that ended the job, where that is known.
  var signaledBy: String? {
    self.endingSender?.name
  }

  /// How many nanoseconds before the end that was.
  var signaledAgo: UInt64? {
    guard let endedAt, let sender = self.endingSender else { return nil }
    let time = sender.time ?? endedAt
    return endedAt > time ? endedAt - time : 0
  }

  private var endingSender: Sender? {
    guard case .signaled(let number)? = self.end else { return nil }
    return self.senders[number]
  }

  /// Whether it was killed, and neither by us nor by anybody we know of.
  var wasKilledUnasked: Bool {
    guard self.cause == .itself, self.endingSender == nil else { return false }
    return self.end == nil || self.end == .signaled(number: 9)
  }

  mutating func onMessage(_ message: InitMessage, now: UInt64) -> [Action] {
    switch message {
    case .started(let pid):
      guard !self.isRunning else { return [] }  // a root job may write to PID 1's pipe
      self.isRunning = true
      self.target = pid
      self.timeoutAt = self.timeout.map { Self.add(now, $0) }
      self.budget?.begin(now: now)
      return [.announce]
    case .failed(let failure):
      if !self.isRunning { self.failure = failure }
      return []
    case .ended(let end):
      // What comes from here on did not end the job and is no part of the verdict.
      if self.end == nil { (self.end, self.endedAt) = (end, now) }
      self.timeoutAt = nil
      self.killAt = nil
      self.budget?.end()
      // A pause that came while PID 1 was telling us holds it back from ending, on v1 from dying, too.
      return [.kill] + self.thawing()
    }
  }

  mutating func onControl(_ message: ControlMessage, now: UInt64) -> [Action] {
    switch message {
    case .signal(let number, let by):
      if self.end == nil, !by.isEmpty {
        self.senders[number] = Sender(name: by, time: self.isPaused ? nil : now)
      }
      guard number == 9 else { return [.forward(number)] }
      // It does not wait for a resume, but for PID 1, which has to be thawed to pass it on.
      self.wasSentKill = true
      return [.forward(number)] + self.resume(now: now)
    case .pause: return self.pause()
    case .resume: return self.resume(now: now)
    case .stop(let signal, let grace, let by):
      return self.stop(.stop(by: by), signal: signal, grace: grace, now: now)
    }
  }

  mutating func onTimer(now: UInt64) -> [Action] {
    if let killAt, killAt <= now {
      return self.kill()
    }
    if let timeoutAt, timeoutAt <= now {
      self.timeoutAt = nil
      return self.stop(.timeout, signal: 15, grace: self.timeoutGrace, now: now)
    }
    if let lookAt = self.budget?.lookAt, lookAt <= now { return [.measureCPUTime] }
    return []
  }

  /// `used`: nanoseconds; nil when the kernel would not say.
  mutating func onCPUTime(_ used: UInt64?, now: UInt64) -> [Action] {
    guard self.budget?.isUsedUp(by: used, now: now) == true else { return [] }
    return self.stop(.cpuTime, signal: 15, grace: self.timeoutGrace, now: now)
  }

  /// Not while it is being ended: that must not be put off.
  private mutating func pause() -> [Action] {
    guard self.isRunning, self.end == nil, self.cause == .itself, !self.wasSentKill else {
      return []
    }
    self.isPaused = true
    self.budget?.end()  // what is frozen uses no processor time
    return [.freeze]
  }

  private mutating func resume(now: UInt64) -> [Action] {
    guard self.isPaused else { return [] }
    self.isPaused = false
    self.budget?.begin(now: now)
    for number in self.senders.keys where self.senders[number]?.time == nil {
      self.senders[number]?.time = now
    }
    return [.thaw]
  }

  /// Output can be kept no more: the job ends, as its output would be lost without a trace.
  mutating func onJournalFailure(errno: Int32) -> [Action] {
    if self.cause == .itself, self.end == nil { self.cause = .output(errno) }
    return self.kill()
  }

  /// Output has filled its quota, and the job was to end then.
  mutating func onQuotaFull() -> [Action] {
    if self.cause == .itself, self.end == nil { self.cause = .quota }
    return self.kill()
  }

  /// The first cause is the verdict's, and the shortest grace period counts: an impatient second stop
  /// helps, and none puts off an end that is due.
  private mutating func stop(
    _ cause: ExitRecord.Cause, signal: Int32, grace: UInt64, now: UInt64
  ) -> [Action] {
    guard self.end == nil else { return [] }
    if self.cause == .itself { self.cause = cause }
    guard grace > 0 else { return self.kill() }
    self.killAt = min(self.killAt ?? .max, Self.add(now, grace))
    // What is frozen could neither pass the signal on nor react to it.
    return self.thawing() + [.forward(signal)]
  }

  /// A process frozen by v1 dies only once it is thawed, so the kill comes first: none of it runs
  /// again.
  private mutating func kill() -> [Action] {
    self.killAt = nil
    self.killed = true
    return [.kill] + self.thawing()
  }

  private mutating func thawing() -> [Action] {
    defer { self.isPaused = false }
    return self.isPaused ? [.thaw] : []
  }

  private static func add(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}
