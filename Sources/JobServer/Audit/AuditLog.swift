import Linux

/// Keeps a line for every decision and every event of a job, in a file that nothing is ever changed in.
///
/// DESIGN: entries are queued, and one thread of our own chains and writes them in batches, so that no
/// event loop waits for a disk. Whoever must not go on without the line waits for it. When a batch
/// cannot be written, all its entries are lost, and the next line that can says how many.
package final class AuditLog: Sendable {
  private struct Waiting {
    let entry: AuditEntry
    let time: Int64
    var isDurable = false
    let writer: CheckedContinuation<AuditProblem?, Never>?
  }

  private struct State {
    var queue: [Waiting] = []
    var isDraining = false
    var file: AuditFile
    var chain: AuditChain
    var lost = 0
    var written: Int64 = 0
    var lostEver: Int64 = 0
    var problem: AuditProblem?
    /// The file was renamed, and no new one could be begun: lines go on into the old one, which may be
    /// taken away. Tried again with every batch.
    var rotationProblem: AuditProblem?
  }

  /// Beyond so many lines that wait for the disk, those who bring more wait too.
  private static let longestQueue = 4096
  /// One for all logs of a process, as the runtime keeps executors for ever.
  private static let thread = BlockingThreads(name: "audit", count: 1)

  package let path: String
  /// Whether jobs may only be started when their line was written.
  package let isRequired: Bool
  /// When the file was last written to before it was opened; 0: never.
  let lastTime: Int64
  /// The jobs whose ends are among its last lines.
  let lastEnded: Set<String>
  private let state: Lock<State>

  /// Opens the file, or makes it, and writes a first line. Blocks.
  package init(_ path: String, isRequired: Bool = true) throws(AuditProblem) {
    let (file, end) = try AuditFile.open(path)
    self.path = path
    self.isRequired = isRequired
    self.lastTime = end.chain == nil ? 0 : end.time
    self.lastEnded = end.ended
    self.state = Lock(State(file: file, chain: end.chain ?? AuditChain()))
    var first = AuditEntry(.opened)
    if end.torn > 0 { first.reason = "an unfinished line of \(end.torn) bytes was cut off" }
    if let problem = self.write([Waiting(entry: first, time: Clock.wall(), writer: nil)]) {
      throw problem
    }
  }

  /// Why lines cannot be written now, or not where they belong; nil when they can.
  package var problem: AuditProblem? { self.state.withLock { $0.problem ?? $0.rotationProblem } }

  /// For `/metrics`.
  struct Report: Hashable, Sendable {
    let hasFailed: Bool
    let written: Int64
    let lost: Int64
  }

  var report: Report {
    self.state.withLock { state in
      Report(
        hasFailed: state.problem != nil || state.rotationProblem != nil, written: state.written,
        lost: state.lostEver)
    }
  }

  /// Queues the entry.
  package func post(_ entry: AuditEntry) { self.add(entry, false, nil) }

  /// Answers once the entry is written, or with what was in the way. `isDurable`: once it would
  /// outlive a power loss.
  package func record(_ entry: AuditEntry, isDurable: Bool = false) async -> AuditProblem? {
    await withCheckedContinuation { self.add(entry, isDurable, $0) }
  }

  /// Queues the entry, and waits only where too many wait already.
  package func note(_ entry: AuditEntry) async {
    guard self.state.withLock({ $0.queue.count >= Self.longestQueue }) else {
      return self.post(entry)
    }
    _ = await self.record(entry)
  }

  /// After the file was renamed: goes on in a new one of the old name. Answers with what was in the way.
  @discardableResult
  package func reopen() async -> AuditProblem? {
    await Self.thread.run {
      self.rotate()
      return self.state.withLock { $0.rotationProblem }
    }
  }

  /// Lets another server write to the file; to be called when nothing is added any more.
  package func release() async {
    await Self.thread.run { self.state.withLock { $0.file }.unlock() }
  }

  private func add(
    _ entry: AuditEntry, _ isDurable: Bool, _ writer: CheckedContinuation<AuditProblem?, Never>?
  ) {
    let waiting = Waiting(
      entry: entry, time: Clock.wall(), isDurable: isDurable, writer: writer)
    self.state.withLock { $0.queue.append(waiting) }
    self.drainSoon()
  }

  private func drainSoon() {
    let isFirst = self.state.withLock { state in
      defer { state.isDraining = true }
      return !state.isDraining
    }
    if isFirst { Self.thread.perform { self.drain() } }
  }

  // MARK: On the thread

  private func drain() {
    while let batch = self.take() {
      if self.state.withLock({ $0.rotationProblem != nil }) { self.rotate() }
      let problem = self.write(batch)
      for waiting in batch { waiting.writer?.resume(returning: problem) }
    }
  }

  private func take() -> [Waiting]? {
    self.state.withLock { state in
      guard !state.queue.isEmpty else {
        state.isDraining = false
        return nil
      }
      defer { state.queue = [] }
      return state.queue
    }
  }

  private func write(_ batch: [Waiting]) -> AuditProblem? {
    let (file, before, lost) = self.state.withLock { ($0.file, $0.chain, $0.lost) }
    var chain = before
    var text = ""
    if lost > 0 {
      var entry = AuditEntry(.lost)
      entry.count = lost
      text += chain.line(entry, time: LineLog.text(Clock.wall()))
    }
    for waiting in batch { text += chain.line(waiting.entry, time: LineLog.text(waiting.time)) }
    do throws(SystemError) {
      try file.append(Array(text.utf8))
      self.state.withLock { state in
        state.chain = chain
        state.lost = 0
        state.written += Int64(batch.count)
        state.problem = nil
      }
    } catch {
      let problem = AuditProblem("the audit file cannot be written: \(error.reason)")
      self.state.withLock { state in
        state.lost += batch.count
        state.lostEver += Int64(batch.count)
        state.problem = problem
      }
      return problem
    }
    return batch.contains { $0.isDurable } ? self.sync(file) : nil
  }

  /// One fsync for all that wait. Its lines are in the file, so that the chain goes on behind them.
  private func sync(_ file: AuditFile) -> AuditProblem? {
    do throws(SystemError) {
      try file.sync()
      return nil
    } catch {
      let problem = AuditProblem("the audit file does not reach its disk: \(error.reason)")
      self.state.withLock { $0.problem = problem }
      return problem
    }
  }

  /// The old file's last line says that it goes on elsewhere; the new one's first links to it.
  private func rotate() {
    let old = self.state.withLock { $0.file }
    guard old.wasRenamed else { return self.state.withLock { $0.rotationProblem = nil } }
    do throws(AuditProblem) {
      let (file, end) = try AuditFile.open(self.path)
      guard end.chain == nil else {
        throw AuditProblem("\(self.path): is not empty; the old file is still written to")
      }
      let last = Waiting(entry: AuditEntry(.rotated), time: Clock.wall(), writer: nil)
      if let problem = self.write([last]) { throw problem }
      self.state.withLock { state in
        state.file = file
        state.rotationProblem = nil
      }
      _ = self.write([Waiting(entry: AuditEntry(.opened), time: Clock.wall(), writer: nil)])
    } catch {
      self.state.withLock {
        $0.rotationProblem = AuditProblem("lines still go into the renamed audit file: \(error)")
      }
    }
  }
}
