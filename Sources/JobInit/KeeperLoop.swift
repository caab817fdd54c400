import Glibc
import JobStore
import Linux

/// A keeper at work: waits for everything at once, writes what comes, does what `KeeperState` says.
struct KeeperLoop: ~Copyable {
  private let folder: OwnedDescriptor
  private let engine: Announcement
  private let plan: LaunchPlan
  private let birth: Birth
  private let control: OwnedDescriptor
  private let engineWatch: EngineWatch
  private let bootID: String
  private let keeper: ProcessIdentity
  private let timer: TimerDescriptor
  private var journal: JournalWriter
  private var state: KeeperState
  private var witness: Witness
  private var messageBytes: [UInt8] = []
  private var controlBytes: [UInt8] = []
  private var isReading = [JournalStream.stdout: true, .stderr: true]
  /// The quota has no room, for good: the job waits at its pipes, or is being ended. A disk without room is
  /// another matter: see `JournalWriter.isHolding`.
  private var isFull = false
  /// PID 1 closes its end before the last of its namespace is dead, and that may take long.
  private var isListening = true
  /// Signals that a full pipe to PID 1 did not take, a bit each.
  private var unsent: UInt64 = 0

  init(
    folder: consuming OwnedDescriptor, engine: consuming Announcement, plan: LaunchPlan,
    desk: consuming Desk, birth: consuming Birth
  ) {
    self.folder = folder
    self.engine = engine
    self.plan = plan
    self.birth = birth
    self.control = desk.control
    self.engineWatch = desk.engineWatch
    self.bootID = desk.bootID
    self.keeper = desk.keeper
    self.timer = desk.timer
    self.journal = desk.journal
    self.witness = desk.witness
    self.state = KeeperState(
      timeout: plan.timeout, timeoutGrace: plan.timeoutGrace, budget: CPUBudget(plan))
  }

  /// Returns once PID 1 has ended, and with it every process of its namespace.
  mutating func run() {
    while true {
      var entries = self.entries()
      // poll(2) with good descriptors fails only for lack of memory. There is no way on then: the
      // job dies with this process, and the engine lists it as lost.
      guard (try? Poll.wait(&entries, milliseconds: self.pause)) != nil else { _exit(1) }
      if self.journal.isHolding { _ = self.journal.writeHeld() }
      // An end that PID 1 has told of was not brought about by the order or the timer that woke us.
      if self.isListening, entries[..<3].contains(where: { $0.revents != 0 }) {
        self.readMessages()
      }
      if entries[1].revents != 0 { self.readControl() }
      if entries[2].revents != 0 { self.onTimer() }
      if entries[3].revents != 0 { self.copy(.stdout) }
      if entries[4].revents != 0 { self.copy(.stderr) }
      if entries[6].revents != 0 { self.sendSignals() }
      if entries[5].revents != 0 {
        self.readMessages()  // what it said last may have come after the look above
        _ = try? self.birth.process.reap(waiting: true)  // our own child: it is there to reap
        return
      }
    }
  }

  /// The end, in the only order that neither loses the tail of the output nor tells of it too early.
  mutating func finish() {
    // 1. Every process is dead, so all that was written is in the pipes.
    self.journal.startDraining()
    self.drain(.stdout)
    self.drain(.stderr)
    self.journal.finish()
    // 2. Counters, before the cgroups that hold them go.
    let evidence = Aftermath.evidence(self.plan)
    self.witness.jobEnded()
    Aftermath.removeCgroups(self.plan)
    if !self.engineWatch.engineIsThere { Aftermath.removeJobsGroup(self.plan) }
    if self.state.isRunning {
      // 3. The record, once what it promises is on disk; its presence tells everybody.
      try? self.journal.sync()  // a disk that fails here fails the record below too, aloud
      self.write(self.record(evidence))
    }
    // 4. Last: a keeper killed here loses no verdict.
    guard self.state.isRunning else {
      Aftermath.removeFiles(in: self.folder)
      return self.reportFailure()
    }
    Aftermath.putAsideFiles(of: self.plan.jobID, in: self.folder)
  }

  private func write(_ record: ExitRecord) {
    do throws(SystemError) {
      try File.replace(JobDirectory.exit, in: self.folder, with: record.encoded())
    } catch {
      // The disk is full, and by this job perhaps: without its files there may be room.
      Aftermath.removeFiles(in: self.folder)
      do throws(SystemError) {
        try File.replace(JobDirectory.exit, in: self.folder, with: record.encoded())
      } catch {
        _exit(1)  // a job without a record is lost, and says so
      }
    }
  }

  private func record(_ evidence: [ExitRecord.Evidence]) -> ExitRecord {
    var record = ExitRecord(
      end: self.state.end, cause: self.state.cause, killed: self.state.killed, time: Clock.wall(),
      journalEnd: self.journal.end, stdoutBytes: self.journal.bytes(of: .stdout),
      stderrBytes: self.journal.bytes(of: .stderr), evidence: evidence)
    record.signaledBy = self.state.signaledBy
    record.signaledAgo = self.state.signaledAgo
    record.lifetime = self.witness.lifetime
    if self.state.wasKilledUnasked, Witness.sawOOMKill(evidence) {
      record.evidence.append(self.witness.killReport(of: self.plan))
    }
    record.untold = self.journal.untold
    record.journalStart = self.journal.start
    return record
  }

  private func reportFailure() {
    let unknown = InitFailure(step: "init", what: "PID 1 of the job was killed", errno: ECHILD)
    self.engine.tell(.failed(self.state.failure ?? unknown))
  }

  private func entries() -> [pollfd] {
    // The job runs from its exec on, and PID 1 says so afterwards: what the output brings about must not
    // come first, or a job that ran would end as one that never started, without a record.
    let isWaiting = self.isFull || self.journal.isHolding || !self.state.isRunning
    let reading = isWaiting ? [:] : self.isReading
    return [
      Self.entry(self.isListening ? self.birth.messages.rawValue : -1),
      Self.entry(self.control.rawValue),
      Self.entry(self.timer.descriptor.rawValue),
      Self.entry(reading[.stdout] == true ? self.birth.stdout.rawValue : -1),
      Self.entry(reading[.stderr] == true ? self.birth.stderr.rawValue : -1),
      Self.entry(self.birth.process.descriptor.rawValue),
      Self.entry(self.unsent == 0 ? -1 : self.birth.orders.rawValue, Int16(POLLOUT)),
    ]
  }

  /// Milliseconds between two looks for room while output waits for it, and never else.
  ///
  /// The one place that looks again and again: no event of the kernel's says that a disk has room (not
  /// inotify(7) or fanotify(7), which report files; not a quota's netlink messages, which only warn
  /// that one is full), and whoever makes room may do it anywhere on that file system.
  private static let roomPeriod: Int64 = 1000
  private var pause: Int64? { self.journal.isHolding ? Self.roomPeriod : nil }

  private static func entry(_ descriptor: CInt, _ events: Int16 = Int16(POLLIN)) -> pollfd {
    pollfd(fd: descriptor, events: events, revents: 0)
  }
}

// What each descriptor brings.
extension KeeperLoop {
  private mutating func readMessages() {
    self.isListening = Self.append(from: self.birth.messages, to: &self.messageBytes)
    while let message = InitMessage.take(from: &self.messageBytes) {
      self.perform(self.state.onMessage(message, now: Self.now))
    }
  }

  private mutating func readControl() {
    _ = Self.append(from: self.control, to: &self.controlBytes)  // never ends: see `Desk`
    while let message = ControlMessage.take(from: &self.controlBytes) {
      self.perform(self.state.onControl(message, now: Self.now))
    }
  }

  private mutating func onTimer() {
    self.timer.clear()
    self.perform(self.state.onTimer(now: Self.now))
  }

  private mutating func perform(_ actions: [KeeperState.Action]) {
    for action in actions {
      switch action {
      case .announce: self.announce()
      case .forward(let signal):
        self.unsent |= 1 << UInt64(signal - 1)
        self.sendSignals()
      case .kill:
        try? self.birth.process.signal(SIGKILL)  // ESRCH: it has ended already
      // What fails here shows: the engine waits for what the kernel says.
      case .freeze: try? CgroupFreezer(self.plan)?.freeze()
      case .thaw: try? CgroupFreezer(self.plan)?.thaw()
      case .measureCPUTime:
        self.perform(self.state.onCPUTime(CPUBudget.used(self.plan), now: Self.now))
      }
    }
    let now = Self.now
    let left = self.state.nextDeadline.map { $0 > now ? $0 - now : 1 }
    try? self.timer.set(after: left)  // cannot fail for a good timer and a good value
  }

  /// A frozen PID 1 takes none, and the pipe holds 64 Ki: of those that wait for room there is one of each
  /// number, as the kernel would keep them for a process that takes none, see signal(7).
  private mutating func sendSignals() {
    while self.unsent != 0 {
      let bit = self.unsent.trailingZeroBitCount
      do throws(SystemError) {
        try File.writeAll([UInt8(bit + 1)], to: self.birth.orders)
      } catch {
        if error.errno != EAGAIN { self.unsent = 0 }  // PID 1 has ended: there is nobody to signal
        return
      }
      self.unsent &= ~(1 << UInt64(bit))
    }
  }

  /// The start record first: whoever hears of the start may look for it at once.
  private mutating func announce() {
    let record = StartRecord(
      bootID: self.bootID, keeper: self.keeper, initProcess: self.birth.identity,
      time: Clock.wall())
    // Where that fails the job runs all the same, and is known by its keeper's lock.
    try? File.replace(
      JobDirectory.started, in: self.folder, with: record.encoded(), durable: false)
    self.engine.tell(.started(pid: self.birth.pid))
    // Nobody has to wait for that.
    if let target = self.state.target {
      self.witness.targetStarted(target, under: self.birth.pid)
    }
  }

  private mutating func copy(_ stream: JournalStream) {
    switch self.copyOnce(stream) {
    case .endOfFile: self.isReading[stream] = false
    case .bytes, .wouldBlock: break
    case .full:
      // What is held may be written in this same turn, by the copy of the other stream.
      guard !self.journal.isHolding else { break }
      self.isFull = true
      if self.plan.outputQuota.whenFull == .stop { self.perform(self.state.onQuotaFull()) }
    }
  }

  private mutating func copyOnce(_ stream: JournalStream) -> JournalCopy {
    do throws(JournalCopyError) {
      switch stream {
      case .stdout: return try self.journal.copy(from: self.birth.stdout, stream: stream)
      case .stderr: return try self.journal.copy(from: self.birth.stderr, stream: stream)
      }
    } catch {
      guard case .journal(let cause) = error else { return .endOfFile }
      self.perform(self.state.onJournalFailure(errno: cause.errno))
      return .wouldBlock
    }
  }

  /// What is in the pipe now, without waiting for its end: a descriptor passed out of the job may keep
  /// it open for ever, and be written to for ever, hence the bound: every process of the job is dead.
  private mutating func drain(_ stream: JournalStream) {
    guard self.isReading[stream] == true else { return }
    var left: Int
    switch stream {
    case .stdout: left = Poll.available(self.birth.stdout)
    case .stderr: left = Poll.available(self.birth.stderr)
    }
    while left > 0, case .bytes(let count) = self.copyOnce(stream) { left -= count }
  }

  /// Takes what is there, of a pipe at most what one can hold: a job that is root may write to PID 1's
  /// without end, and must hold up nobody but itself. False at the end.
  private static func append(
    from source: borrowing OwnedDescriptor, to bytes: inout [UInt8]
  ) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var left = 1 << 20
    while left > 0 {
      guard let result = try? File.read(source, into: &buffer, at: 0, count: buffer.count) else {
        return false
      }
      guard case .bytes(let count) = result else { return result == .wouldBlock }
      bytes += buffer[..<count]
      left -= count
    }
    return true
  }

  private static var now: UInt64 { UInt64(Clock.boot()) }
}
