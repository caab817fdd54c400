import JobStore
import Linux

/// A job's journal as chunks: small records of one stream that are there at once become one.
final class OutputJournal {
  enum Next {
    case chunk(OutputChunk)
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
  private var pending: JournalRecord?
  /// Bytes of each stream up to here, as far as this reading has seen it.
  private(set) var stdoutBytes: UInt64 = 0
  private(set) var stderrBytes: UInt64 = 0
  /// Behind the last chunk that was given out.
  private(set) var position: UInt64

  init(_ id: JobID, position: UInt64?, in state: StateDirectory) throws(StoreError) {
    let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
    self.id = id
    self.reader = try JournalReader(
      folder: folder, jobID: id.description, position: position, bufferSize: Self.bufferSize)
    self.position = self.reader.position
  }

  func read(waiting: Bool) throws(StoreError) -> Next {
    let first: JournalRecord
    if let pending = self.pending {
      first = pending
      self.pending = nil
    } else {
      switch try self.reader.next(waiting: waiting) {
      case .record(let record): first = record
      case .end: return .end
      case .wouldBlock: return .wouldBlock
      }
    }
    return .chunk(self.chunk(try self.joined(first)))
  }

  /// `first` and what follows it at once in the same stream.
  private func joined(_ first: JournalRecord) throws(StoreError) -> JournalRecord {
    var whole = first
    // A record that is large already is not worth a copy.
    while whole.bytes.count < Self.maxChunk / 2 {
      guard case .record(let next) = try self.nextNow() else { break }
      guard next.stream == whole.stream, whole.bytes.count + next.bytes.count <= Self.maxChunk,
        next.offset == whole.offset + UInt64(whole.bytes.count)
      else {
        self.pending = next
        break
      }
      whole.bytes += next.bytes
      whole.end = next.end
    }
    return whole
  }

  /// What is in memory; damage further on is met when it is its turn.
  private func nextNow() throws(StoreError) -> JournalReader.Next {
    do throws(StoreError) { return try self.reader.next(waiting: false) } catch {
      if case .damaged = error { return .end }
      throw error
    }
  }

  private func chunk(_ record: JournalRecord) -> OutputChunk {
    let end = record.offset + UInt64(record.bytes.count)
    self.position = record.end
    let stream: OutputStream
    switch record.stream {
    case .stdout:
      stream = .stdout
      self.stdoutBytes = end
    case .stderr:
      stream = .stderr
      self.stderrBytes = end
    }
    return OutputChunk(
      stream: stream, bytes: record.bytes, offset: record.offset,
      cursor: Cursor(job: self.id, position: record.end), time: record.wallTime)
  }
}
