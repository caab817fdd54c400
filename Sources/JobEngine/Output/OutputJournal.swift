import JobStore
import Linux

/// A job's journal as chunks: small records of one stream that are there at once become one.
final class OutputJournal {
  enum Next {
    case event(OutputEvent)
    /// Something that is not wanted: there may be more at once.
    case passed
    case end
    case wouldBlock
  }

  /// Bytes of one chunk at most: the largest record.
  private static let maxChunk = JournalFormat.maxPayload
  /// Holds a whole record; larger ones would cost every follower more.
  private static let bufferSize = JournalFormat.headerSize + JournalFormat.maxPayload

  private let id: JobID
  private var reader: JournalReader
  /// Read, and not part of the chunk before it.
  private var pending: JournalReader.Next?
  /// Bytes of the first record that are not given out.
  var skip = 0
  /// Small records that are there at once become one chunk.
  var joins = true
  /// What was read from the job before this time, in nanoseconds since 1970, is passed over, until something
  /// is not.
  var beginsAt: Int64?
  /// What is missing behind something that was passed over: what follows tells whether it is wanted.
  private var undecided: [JournalGap] = []
  /// Behind the last chunk that was given out, or what was passed over.
  private(set) var position: UInt64

  init(_ id: JobID, position: UInt64?, in state: StateDirectory) throws(StoreError) {
    let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
    self.id = id
    self.reader = try JournalReader(
      folder: folder, jobID: id.description, position: position, bufferSize: Self.bufferSize)
    self.position = self.reader.position
  }

  /// Where a segment begins that was gone on with as those before it were not there.
  var jumpedTo: UInt64? { self.reader.jumpedTo }

  func read(waiting: Bool) throws(StoreError) -> Next {
    if self.beginsAt == nil, !self.undecided.isEmpty {
      return .event(.gap(self.gap(self.undecided.removeFirst())))
    }
    let found = try self.next(waiting: waiting)
    if let time = self.beginsAt, self.passes(found, before: time) { return .passed }
    switch found {
    case .record(let record):
      let first = self.skipping(record)
      return .event(.chunk(self.chunk(self.joins ? try self.joined(first) : first)))
    case .gap(let first): return .event(.gap(self.gap(try self.joined(first))))
    case .end: return .end
    case .wouldBlock: return .wouldBlock
    }
  }

  /// Passes over `found` if it is from before `time`; what is not ends that.
  private func passes(_ found: JournalReader.Next, before time: Int64) -> Bool {
    switch found {
    case .record(let record) where record.wallTime < time:
      self.undecided = []
      (self.position, self.skip) = (record.end, 0)
    case .gap(let gap) where gap.wallTime < time:
      // Of what was dropped nobody knows the time.
      if gap.wallTime == 0 { self.undecided.append(gap) }
      self.position = gap.end
    case .record, .gap:
      self.beginsAt = nil
      guard !self.undecided.isEmpty else { return false }
      self.pending = found
    case .end, .wouldBlock: return false
    }
    return true
  }

  /// Bytes of each stream up to here, gaps included; where nothing more was there. Blocks.
  func counts() throws(StoreError) -> StreamCounts { try self.reader.counts() }

  private func next(waiting: Bool) throws(StoreError) -> JournalReader.Next {
    if let pending = self.pending.take() { return pending }
    return try self.reader.next(waiting: waiting)
  }

  private func skipping(_ record: JournalRecord) -> JournalRecord {
    guard self.skip > 0 else { return record }
    var rest = record
    rest.bytes.removeFirst(min(self.skip, rest.bytes.count))
    rest.offset += UInt64(record.bytes.count - rest.bytes.count)
    self.skip = 0
    return rest
  }

  /// `first` and what follows it at once in the same stream.
  private func joined(_ first: JournalRecord) throws(StoreError) -> JournalRecord {
    var whole = first
    // A record that is large already is not worth a copy.
    while whole.bytes.count < Self.maxChunk / 2 {
      let found = try self.nextNow()
      if case .gap = found { self.pending = found }
      guard case .record(let next) = found else { break }
      guard next.stream == whole.stream, whole.bytes.count + next.bytes.count <= Self.maxChunk,
        next.offset == whole.offset + UInt64(whole.bytes.count)
      else {
        self.pending = found
        break
      }
      whole.bytes += next.bytes
      whole.end = next.end
    }
    return whole
  }

  /// `first` and what it goes on as: a disk that stays full leaves many small ones.
  private func joined(_ first: JournalGap) throws(StoreError) -> JournalGap {
    var whole = first
    while true {
      let found = try self.nextNow()
      guard case .gap(let next) = found, next.stream == whole.stream,
        next.reason == whole.reason, next.from == whole.to
      else {
        self.pending = found.isEnd ? nil : found
        return whole
      }
      (whole.to, whole.end) = (next.to, next.end)
    }
  }

  /// What is in memory; damage further on is met when it is its turn.
  private func nextNow() throws(StoreError) -> JournalReader.Next {
    do throws(StoreError) { return try self.reader.next(waiting: false) } catch {
      if case .damaged = error { return .end }
      throw error
    }
  }

  private func gap(_ gap: JournalGap) -> OutputGap {
    self.position = gap.end
    return OutputGap(
      stream: OutputStream(gap.stream), from: gap.from, to: gap.to,
      reason: OutputGap.Reason(gap.reason), cursor: Cursor(job: self.id, position: gap.end))
  }

  private func chunk(_ record: JournalRecord) -> OutputChunk {
    self.position = record.end
    return OutputChunk(
      stream: OutputStream(record.stream), bytes: record.bytes, offset: record.offset,
      cursor: Cursor(job: self.id, position: record.end), time: record.wallTime)
  }
}

extension OutputStream {
  init(_ stream: JournalStream) {
    switch stream {
    case .stdout: self = .stdout
    case .stderr: self = .stderr
    }
  }
}

extension OutputGap.Reason {
  init(_ reason: JournalGap.Reason) {
    switch reason {
    case .quota: self = .quota
    case .disk(let errno): self = .disk(errno: errno)
    }
  }
}

extension ExitRecord {
  /// What the journal had no room to tell of: gaps at its very end.
  func untoldGaps(of id: JobID) -> [OutputGap] {
    guard let untold = self.untold else { return [] }
    let totals = [(JournalStream.stdout, self.stdoutBytes), (.stderr, self.stderrBytes)]
    return totals.compactMap { stream, total in
      guard untold.from[stream] < total else { return nil }
      return OutputGap(
        stream: OutputStream(stream), from: untold.from[stream], to: total,
        reason: OutputGap.Reason(untold.reason),
        cursor: Cursor(job: id, position: self.journalEnd))
    }
  }
}

extension JournalReader.Next {
  /// Nothing was taken from the journal.
  fileprivate var isEnd: Bool { self == .end || self == .wouldBlock }
}
