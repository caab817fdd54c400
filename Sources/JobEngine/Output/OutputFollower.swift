import Glibc
import JobStore
import Linux

/// One reading of one job's output: a cursor into the journal and a buffer.
///
/// DESIGN: read until nothing is there; only then wait, until the job's folder has changed or the job
/// is over; then read again. What the job's state was is looked up before each read, so that "over,
/// and nothing more to read" is never concluded from a state that is newer than the read. The first
/// wait is preceded by setting the watch and one more read, so that no change falls between.
final class OutputFollower {
  private let source: JobOutput
  private var journal: OutputJournal?
  private var isWatching = false
  /// The place that a view begins at, until it is told.
  private var start: Cursor?
  private var isDone = false
  /// Gaps at the very end that were told of.
  private var toldAtEnd = 0

  init(_ source: JobOutput) {
    self.source = source
    source.job.readerCame()
  }

  deinit {
    if self.isWatching { self.source.worker.events.unfollow(self.source.job) }
    if self.source.job.readerWent(), self.source.job.state.value.isOver {
      self.source.worker.expireSoon(with: self.source.job)
    }
  }

  private var job: Job { self.source.job }

  func next() async throws -> OutputEvent? {
    guard !self.isDone else { return nil }
    do {
      let event = try await self.read()
      if case .end = event { self.isDone = true }
      return event
    } catch {
      self.isDone = true
      throw error
    }
  }

  private func read() async throws -> OutputEvent {
    while true {
      try Task.checkCancellation()
      let before = self.job.state.value
      if before.isClosed { throw WorkerError.closing }
      if case .failed(let error) = before.phase { throw error }
      if self.source.follow, before.phase == .starting {
        // There is no folder to watch yet, and there may never be one.
        await self.job.state.wait { $0.phase != .starting || $0.isClosed }
        continue
      }
      try await self.openIfThere()
      if let start = self.start.take() { return .start(start) }
      if let event = try await self.event() { return event }
      if let end = try await self.end(before) { return end }
      if self.isWatching {
        await self.waitForMore(than: before)
      } else {
        try await self.watch()
      }
    }
  }

  private func watch() async throws {
    do throws(SystemError) {
      try await self.source.worker.events.follow(
        self.job, path: self.source.worker.state.path(self.job.id))
      self.isWatching = true
    } catch {
      // Removed, and so over: the next look says the same.
      if error.errno == ENOENT { return }
      throw WorkerError(
        .resourceExhausted,
        "cannot follow job \(self.job.id): \(error); is fs.inotify.max_user_watches used up?")
    }
  }

  private func waitForMore(than before: JobLifecycle) async {
    let seen = before.outputGeneration
    await self.job.state.wait { $0.outputGeneration != seen || $0.isOver || $0.isClosed }
  }

  private func openIfThere() async throws {
    do {
      if self.journal == nil { try await self.open() }
    } catch let error as StoreError {
      throw self.translated(error)
    }
  }

  /// What is there now, nil when there is nothing; with `waiting` it is looked behind the end, too.
  private func event(waiting: Bool = false) async throws -> OutputEvent? {
    guard let journal = self.journal else { return nil }
    do {
      while true {
        var found: OutputJournal.Next = try waiting ? .wouldBlock : journal.read(waiting: false)
        if case .wouldBlock = found {
          found = try await withTaskExecutorPreference(Worker.readers) {
            try await Self.readWaiting(journal)
          }
        }
        switch found {
        case .event(let event): return try self.checked(event)
        case .end, .wouldBlock: return nil
        case .passed:
          // There may be as much of it as a job can write, and others are served on this thread.
          try Task.checkCancellation()
          await Task.yield()
        }
      }
    } catch let error as StoreError {
      throw self.translated(error)
    }
  }

  // A function of its own, as the change of executor happens on entry to one.
  private nonisolated static func readWaiting(
    _ journal: OutputJournal
  ) async throws -> OutputJournal.Next { try journal.read(waiting: true) }

  private func checked(_ event: OutputEvent) throws -> OutputEvent {
    if case .gap = event { try self.checkStart(self.job.state.value.record) }
    return event
  }

  /// Segments that went with the whole job are no gap, and none that were there at the job's end: after it
  /// nothing is dropped.
  private func checkStart(_ record: ExitRecord?) throws {
    guard let record, let base = self.journal?.jumpedTo, base > record.journalStart else { return }
    if self.job.state.value.isRemoved { throw self.removed }
    throw WorkerError(
      .dataLoss,
      "the output of job \(self.job.id) begins at position \(base), but it was kept from "
        + "\(record.journalStart) on: a part of its journal is missing")
  }

  /// Opens the journal; leaves it nil while the keeper has not made it.
  private func open() async throws {
    // Before its start a job has no journal, and may never get one.
    if self.job.state.value.phase == .starting { return }
    let (state, id) = (self.source.worker.state, self.job.id)
    // The place is that of what is there. A time that is still to come has to be waited for.
    let since = self.source.view.since.flatMap { $0 > Clock.wall() ? $0 : nil }
    let place = try await self.source.view.place(of: id, in: state)
    let position = place == .start ? nil : place?.position ?? self.source.position
    self.journal = try await withTaskExecutorPreference(Worker.readers) {
      try await Self.openWaiting(id, position, in: state)
    }
    // The place may have been dropped since it was found: then it begins behind, with a whole record.
    if self.journal?.position == place?.position { self.journal?.skip = place?.skip ?? 0 }
    self.journal?.joins = !self.source.view.hasExactTimes
    self.journal?.beginsAt = since
    // In the middle of a record there is no place for a cursor, but a chunk. A time that is still to come
    // can be asked for again, and behind a cursor it would be forgotten.
    guard let place, place.skip == 0, since == nil, let journal = self.journal else { return }
    self.start = Cursor(job: id, position: journal.position)
  }

  private nonisolated static func openWaiting(
    _ id: JobID, _ position: UInt64?, in state: StateDirectory
  ) async throws -> OutputJournal? {
    do throws(StoreError) {
      return try OutputJournal(id, position: position, in: state)
    } catch {
      // Its keeper did not get as far as making one: there is no output.
      if case .outOfRange = error, position == nil { return nil }
      throw error
    }
  }

  /// The end of this reading, if it is reached; called when nothing was there to read.
  private func end(_ before: JobLifecycle) async throws -> OutputEvent? {
    if let record = before.record {
      try self.checkStart(record)
      let position = self.journal?.position ?? 0
      guard position >= record.journalEnd else {
        // Its files have gone while they were read, or are damaged.
        if self.job.state.value.isRemoved { throw self.removed }
        throw self.missing(from: position, record)
      }
      let untold = record.untoldGaps(of: self.job.id)
      if self.toldAtEnd < untold.count {
        self.toldAtEnd += 1
        return .gap(untold[self.toldAtEnd - 1])
      }
      return .end(
        OutputEnd(
          complete: true, stdoutBytes: record.stdoutBytes, stderrBytes: record.stderrBytes,
          cursor: Cursor(job: self.job.id, position: position)))
    }
    guard !self.source.follow else { return nil }
    // It must be the end of all that is there, and not of a segment that was cut short.
    if let event = try await self.event(waiting: true) { return event }
    let totals = try await self.totals()
    return .end(
      OutputEnd(
        complete: false, stdoutBytes: totals.stdout, stderrBytes: totals.stderr,
        cursor: Cursor(job: self.job.id, position: self.journal?.position ?? 0)))
  }

  /// Of a journal that still grows. This reading may have begun in the middle of it.
  private func totals() async throws -> StreamCounts {
    guard let journal = self.journal else { return StreamCounts() }
    do {
      return try await withTaskExecutorPreference(Worker.readers) {
        try await Self.countWaiting(journal)
      }
    } catch let error as StoreError {
      throw self.translated(error)
    }
  }

  private nonisolated static func countWaiting(
    _ journal: OutputJournal
  ) async throws -> StreamCounts { try journal.counts() }

  /// Nothing more can be read, and the job's record promises more.
  private func missing(from position: UInt64, _ record: ExitRecord) -> WorkerError {
    WorkerError(
      .dataLoss,
      "the output of job \(self.job.id) ends at position \(position), but it was written up to "
        + "\(record.journalEnd): its journal was damaged or cut")
  }

  private var removed: WorkerError {
    WorkerError(.notFound, "job \(self.job.id) was removed while its output was read")
  }

  private func translated(_ error: StoreError) -> WorkerError {
    let id = self.job.id
    if self.job.state.value.isRemoved { return self.removed }
    switch error {
    case .damaged: return WorkerError(.dataLoss, "job \(id): \(error)")
    case .outOfRange:
      return WorkerError(
        .outOfRange, "job \(id): \(error): use a cursor of this job's output, or none")
    case .malformed, .system:
      return WorkerError(.internal, "cannot read the output of job \(id): \(error)")
    }
  }
}
