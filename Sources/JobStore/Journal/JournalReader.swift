import Glibc
package import Linux

/// A record as it was read.
package struct JournalRecord: Hashable, Sendable {
  package var stream: JournalStream
  /// Nanoseconds since 1970.
  package var wallTime: Int64
  package var monotonicTime: Int64
  /// Where `bytes` begins in its stream.
  package var offset: UInt64
  package var bytes: [UInt8]
  /// The position behind this record.
  package var end: UInt64
}

/// Reads a journal from a position on: one cursor, one buffer, however many others read.
package struct JournalReader: ~Copyable {
  package enum Next: Hashable, Sendable {
    case record(JournalRecord)
    /// Nothing more is there now. At the position the exit record names, this is the end.
    case end
    /// There is more, but not in memory: call again with `waiting`, where waiting does no harm.
    case wouldBlock
  }

  private let folder: OwnedDescriptor
  private let jobID: String
  private var segment: OwnedDescriptor
  private var base: UInt64
  /// Bytes of the segment that are in `buffer[start..<filled]`; they begin at `offset` in it.
  private var buffer: [UInt8]
  private var start = 0
  private var filled = 0
  private var offset: UInt64
  /// Nothing was read yet from a position that somebody gave: it may be no record's end.
  private var unproven: Bool

  /// Opens the journal in `folder` at `position`; from the first record kept, when nil.
  package init(
    folder: consuming OwnedDescriptor, jobID: String, position: UInt64? = nil,
    bufferSize: Int = 256 * 1024
  ) throws(StoreError) {
    precondition(bufferSize >= JournalFormat.headerSize + JournalFormat.maxPayload)
    let base = try Self.base(for: position, in: folder, jobID: jobID)
    let offset = max(UInt64(JournalFormat.headerSize), (position ?? base) - base)
    let segment = try Self.openSegment(in: folder, base: base)
    let size = UInt64(try Self.size(segment))
    guard offset <= size else { throw .outOfRange(position: base + offset) }
    self.folder = folder
    self.jobID = jobID
    self.segment = segment
    self.base = base
    self.offset = offset
    self.unproven = position.map { $0 > base + UInt64(JournalFormat.headerSize) } ?? false
    self.buffer = [UInt8](repeating: 0, count: bufferSize)
  }

  /// The position behind the last record that was returned.
  package var position: UInt64 { self.base + self.offset }

  /// The next record. Without `waiting`, only what is in the page cache is read.
  package mutating func next(waiting: Bool) throws(StoreError) -> Next {
    while true {
      if let record = try self.parse() { return .record(record) }
      switch try self.fill(waiting: waiting) {
      case .bytes: continue
      case .wouldBlock: return .wouldBlock
      case .endOfFile:
        guard try self.openNextSegment() else { return .end }
      }
    }
  }

  /// Takes one whole record off the buffer, nil when there is none.
  private mutating func parse() throws(StoreError) -> JournalRecord? {
    let header = JournalFormat.headerSize
    guard self.filled - self.start >= header else { return nil }
    let head = Array(self.buffer[self.start..<(self.start + header)])
    // Zeros are the tail of a file that grew before its data came to disk: no record yet.
    guard head.contains(where: { $0 != 0 }) else { return nil }
    let length = Int(head.load(at: 4) as UInt32)
    guard Array(head[..<2]) == JournalFormat.recordMagic,
      let stream = JournalStream(rawValue: head[2]), length <= JournalFormat.maxPayload
    else { throw self.damage("no record header") }
    guard self.filled - self.start >= header + length else { return nil }
    let payload = (self.start + header)..<(self.start + header + length)
    let checked = self.start..<(self.start + JournalFormat.checkedSize)
    let sum = Checksum.crc32c(
      self.buffer, payload, after: Checksum.crc32c(self.buffer, checked))
    guard sum == head.load(at: 32) else { throw self.damage("wrong checksum") }
    self.start = payload.upperBound
    self.offset += UInt64(header + length)
    self.unproven = false
    return JournalRecord(
      stream: stream, wallTime: head.load(at: 8), monotonicTime: head.load(at: 16),
      offset: head.load(at: 24), bytes: Array(self.buffer[payload]), end: self.position)
  }

  private func damage(_ what: String) -> StoreError {
    self.unproven
      ? .outOfRange(position: self.position) : .damaged(position: self.position, what)
  }

  private mutating func fill(waiting: Bool) throws(StoreError) -> File.ReadResult {
    if self.start > 0 {
      let rest = Array(self.buffer[self.start..<self.filled])
      self.buffer.store(rest, at: 0)
      self.filled -= self.start
      self.start = 0
    }
    let result: File.ReadResult
    do throws(SystemError) {
      result = try File.read(
        self.segment, into: &self.buffer, at: self.filled, count: self.buffer.count - self.filled,
        position: self.offset + UInt64(self.filled), waiting: waiting)
    } catch {
      throw .system(error)
    }
    if case .bytes(let count) = result { self.filled += count }
    return result
  }

  /// Goes to the next segment if there is one; the writer makes it only behind a whole record.
  private mutating func openNextSegment() throws(StoreError) -> Bool {
    guard self.filled == self.start, self.offset > UInt64(JournalFormat.headerSize),
      File.exists(JournalFormat.fileName(base: self.position), in: self.folder)
    else { return false }
    let next = self.position
    let segment = try Self.openSegment(in: self.folder, base: next)
    do throws(StoreError) {
      try Self.verify(segment, base: next, jobID: self.jobID)
    } catch {
      // Made, but its header is not there yet: the next call finds it.
      if case .damaged(_, SegmentHeader.cutShort) = error { return false }
      throw error
    }
    self.segment = segment
    self.base = next
    self.offset = UInt64(JournalFormat.headerSize)
    (self.start, self.filled) = (0, 0)
    return true
  }

  private static func openSegment(
    in folder: borrowing OwnedDescriptor, base: UInt64
  ) throws(StoreError) -> OwnedDescriptor {
    do throws(SystemError) {
      return try File.open(JournalFormat.fileName(base: base), in: folder, O_RDONLY)
    } catch {
      throw .system(error)
    }
  }

  private static func verify(
    _ segment: borrowing OwnedDescriptor, base: UInt64, jobID: String
  ) throws(StoreError) {
    var head = [UInt8](repeating: 0, count: JournalFormat.headerSize)
    do throws(SystemError) {
      let result = try File.read(
        segment, into: &head, at: 0, count: head.count, position: 0, waiting: true)
      if result != .bytes(head.count) { head = [] }
    } catch {
      throw .system(error)
    }
    if let complaint = SegmentHeader(base: base, jobID: jobID).complaint(about: head) {
      throw .damaged(position: base, complaint)
    }
  }

  /// The base of the segment that `position` lies in, its header verified.
  ///
  /// A last segment without a header is being made at this moment, or was when the power went: the
  /// position before it is the end of the one before.
  private static func base(
    for position: UInt64?, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> UInt64 {
    var bases = try Self.bases(in: folder)
    let last = bases.last
    while let first = bases.first,
      let base = bases.last(where: { $0 <= position ?? first })
    {
      do throws(StoreError) {
        try Self.verify(try Self.openSegment(in: folder, base: base), base: base, jobID: jobID)
        return base
      } catch {
        guard case .damaged(_, SegmentHeader.cutShort) = error, base == last, base != first else {
          throw error
        }
        bases.removeLast()
      }
    }
    throw .outOfRange(position: position ?? 0)
  }

  private static func bases(in folder: borrowing OwnedDescriptor) throws(StoreError) -> [UInt64] {
    do throws(SystemError) {
      return try JournalFormat.bases(in: folder)
    } catch {
      throw .system(error)
    }
  }

  private static func size(_ segment: borrowing OwnedDescriptor) throws(StoreError) -> Int64 {
    do throws(SystemError) { return try File.size(segment) } catch { throw .system(error) }
  }
}
