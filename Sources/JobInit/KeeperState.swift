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
  }

  private(set) var cause = ExitRecord.Cause.itself
  private(set) var killed = false
  private(set) var end: ProcessEnd?
  private(set) var failure: InitFailure?
  private(set) var isRunning = false
  /// Nanoseconds on the boot clock at which something is due.
  private(set) var timeoutAt: UInt64?
  private(set) var killAt: UInt64?

  private let timeout: UInt64?
  private let timeoutGrace: UInt64

  init(timeout: UInt64?, timeoutGrace: UInt64) {
    self.timeout = timeout
    self.timeoutGrace = timeoutGrace
  }

  /// When to wake up for a deadline, if there is any.
  var nextDeadline: UInt64? {
    guard let timeoutAt else { return self.killAt }
    return self.killAt.map { min($0, timeoutAt) } ?? timeoutAt
  }

  mutating func onMessage(_ message: InitMessage, now: UInt64) -> [Action] {
    switch message {
    case .started:
      guard !self.isRunning else { return [] }  // a root job may write to PID 1's pipe
      self.isRunning = true
      self.timeoutAt = self.timeout.map { Self.add(now, $0) }
      return [.announce]
    case .failed(let failure):
      if !self.isRunning { self.failure = failure }
      return []
    case .ended(let end):
      // What comes from here on did not end the job and is no part of the verdict.
      self.end = self.end ?? end
      self.timeoutAt = nil
      self.killAt = nil
      return [.kill]
    }
  }

  mutating func onControl(_ message: ControlMessage, now: UInt64) -> [Action] {
    switch message {
    case .signal(let number): return [.forward(number)]
    case .stop(let signal, let grace, let by):
      return self.stop(.stop(by: by), signal: signal, grace: grace, now: now)
    }
  }

  mutating func onTimer(now: UInt64) -> [Action] {
    if let killAt, killAt <= now {
      self.killAt = nil
      self.killed = true
      return [.kill]
    }
    guard let timeoutAt, timeoutAt <= now else { return [] }
    self.timeoutAt = nil
    return self.stop(.timeout, signal: 15, grace: self.timeoutGrace, now: now)
  }

  /// Output can be kept no more: the job ends, as its output would be lost without a trace.
  mutating func onJournalFailure(errno: Int32) -> [Action] {
    if self.cause == .itself { self.cause = .output(errno) }
    self.killed = true
    return [.kill]
  }

  /// The first cause is the verdict's, and the shortest grace period counts: an impatient second stop
  /// helps, and none puts off an end that is due.
  private mutating func stop(
    _ cause: ExitRecord.Cause, signal: Int32, grace: UInt64, now: UInt64
  ) -> [Action] {
    guard self.end == nil else { return [] }
    if self.cause == .itself { self.cause = cause }
    guard grace > 0 else {
      self.killAt = nil
      self.killed = true
      return [.kill]
    }
    self.killAt = min(self.killAt ?? .max, Self.add(now, grace))
    return [.forward(signal)]
  }

  private static func add(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}
