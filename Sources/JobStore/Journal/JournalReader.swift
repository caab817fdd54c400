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
///
/// DESIGN: what is read twice is read anew from the file, as a tail that was cut off (a disk that
/// became full in the middle of a write) may have been in the buffer. A segment that the writer has
/// dropped has no name any more; what is left of it is read, then comes the oldest that has one,
/// and the gap between. Where a segment ends that others follow, all of it must have been read: it is an end
/// only in the last one, of which a crash may have left a part of a record, or zeros.
package struct JournalReader: ~Copyable {
  package enum Next: Hashable, Sendable {
    case record(JournalRecord)
    case gap(JournalGap)
    /// Nothing more is there now. At the position the exit record names, this is the end.
    case end
    /// There is more, but not in memory, or damage: call again with `waiting`, where waiting does no harm.
    case wouldBlock
  }

  let folder: OwnedDescriptor
  let jobID: String
  var segment: OwnedDescriptor
  var base: UInt64
  /// Bytes of the segment that are in `buffer[start..<filled]`; they begin at `offset` in it.
  private var buffer: [UInt8]
  private var start = 0
  private var filled = 0
  var offset: UInt64
  /// How many reads what is in the buffer came from.
  private var reads = 0
  /// To be told before anything else is read.
  var gaps: [JournalGap] = []
  /// The next byte of each stream, where that is known.
  var next: [JournalStream: UInt64]
  /// Where the last segment begins that was gone on with as those before it were not there; nil: none was.
  package internal(set) var jumpedTo: UInt64?

  /// Opens the journal in `folder` at `position`; from the first byte, when nil.
  package init(
    folder: consuming OwnedDescriptor, jobID: String, position: UInt64? = nil,
    bufferSize: Int = 256 * 1024
  ) throws(StoreError) {
    precondition(bufferSize >= JournalFormat.headerSize + JournalFormat.maxPayload)
    let headerSize = UInt64(JournalFormat.segmentHeaderSize)
    let found = try OpenSegment.at(position, in: folder, jobID: jobID)
    let header = found.header
    let isDropped = header.base > position ?? 0
    self.folder = folder
    self.jobID = jobID
    self.segment = found.takeDescriptor()
    self.base = header.base
    self.offset = isDropped ? headerSize : max(headerSize, (position ?? 0) - header.base)
    self.buffer = [UInt8](repeating: 0, count: bufferSize)
    self.next = position == nil ? [.stdout: 0, .stderr: 0] : [:]
    if isDropped { self.jump(to: header, from: position ?? 0) }
    if self.offset == headerSize { self.pass(header) }
  }

  /// The position behind the last record that was returned.
  package var position: UInt64 { self.base + self.offset }

  /// What is next. Without `waiting`, only what is in the page cache is read, and an end is not looked
  /// behind: it may be that of a segment that was cut short.
  package mutating func next(waiting: Bool) throws(StoreError) -> Next {
    var whole: UInt64?  // a segment that nothing is added to any more, as there is a later one
    while true {
      if !self.gaps.isEmpty { return .gap(self.gaps.removeFirst()) }
      do throws(StoreError) {
        if let found = try self.parse() { return found }
      } catch {
        if try self.canReadAnew() { continue }
        guard waiting else { return .wouldBlock }
        guard try self.isTorn() else { throw error }
        self.forget()
        return .end
      }
      switch try self.fill(waiting: waiting) {
      case .bytes: continue
      case .wouldBlock: return .wouldBlock
      case .endOfFile:
        let isAtEnd = self.filled == self.start || whole == self.base
        let hasEntered = try self.enterNextSegment(isAtEnd: isAtEnd)
        defer { self.forget() }
        if hasEntered { continue }
        guard waiting, try self.hasLaterSegment() else { return .end }
        // Only now is it sure that it ends where it was seen to end.
        guard whole != self.base else { throw self.damage("a segment was cut short") }
        whole = self.base
      }
    }
  }

  /// Takes one whole record off the buffer, nil when there is none.
  private mutating func parse() throws(StoreError) -> Next? {
    let size = JournalFormat.headerSize
    guard self.filled - self.start >= size else { return nil }
    guard let header = RecordHeader(self.buffer, at: self.start) else {
      // Zeros where the next segment goes on hide nothing.
      if self.isAtZeros, try self.enterNextSegment(isAtEnd: true) {
        self.forget()
        return nil
      }
      throw self.damage("no record header")
    }
    guard self.filled - self.start >= size + header.length else { return nil }
    let payload = (self.start + size)..<(self.start + size + header.length)
    let checked = self.start..<(self.start + JournalFormat.checkedSize)
    let sum = Checksum.crc32c(
      self.buffer, payload, after: Checksum.crc32c(self.buffer, checked))
    guard sum == header.checksum else { throw self.damage("wrong checksum") }
    return try self.take(header, payload)
  }

  private mutating func take(
    _ header: RecordHeader, _ payload: Range<Int>
  ) throws(StoreError) -> Next {
    let (stream, begin) = (header.stream, header.offset)
    guard self.next[stream] ?? begin == begin else { throw self.damage("a record is missing") }
    let size = UInt64(JournalFormat.headerSize + payload.count)
    let end = self.position + size
    let found: Next
    switch header.kind {
    case .output:
      self.next[stream] = begin + UInt64(payload.count)
      found = .record(
        JournalRecord(
          stream: stream, wallTime: header.wallTime, monotonicTime: header.monotonicTime,
          offset: begin, bytes: Array(self.buffer[payload]), end: end))
    case .gap:
      guard payload.count == JournalGap.payloadSize,
        let (to, reason) = JournalGap.parse(self.buffer, at: payload.lowerBound), to >= begin
      else { throw self.damage("a gap that says nothing") }
      self.next[stream] = to
      found = .gap(
        JournalGap(
          stream: stream, from: begin, to: to, reason: reason, wallTime: header.wallTime,
          end: end))
    }
    self.start = payload.upperBound
    self.offset += size
    return found
  }

  private func damage(_ what: String) -> StoreError {
    .damaged(position: self.position, what)
  }

  /// Whether there are only zeros where a record's header should be.
  private var isAtZeros: Bool {
    self.buffer[self.start..<(self.start + JournalFormat.headerSize)].allSatisfy { $0 == 0 }
  }

  /// Whether what was damaged may be whole when it is read again.
  private mutating func canReadAnew() throws(StoreError) -> Bool {
    if self.reads > 1 {
      self.forget()
      return true
    }
    // It may have been dropped while it was read.
    guard try self.isDropped, try self.enterNextSegment(isAtEnd: false) else {
      return false
    }
    self.forget()
    return true
  }

  /// Whether the record here is the journal's last, and a power loss has left zeros from somewhere in it to
  /// the end of the file: as much as the disk had of it.
  private func isTorn() throws(StoreError) -> Bool {
    guard try !self.hasLaterSegment() else { return false }
    return try StoreError.wrap { () throws(SystemError) in
      try ZeroTail.begins(
        before: self.offset + UInt64(self.recordSize), from: self.offset, in: self.segment)
    }
  }

  /// Of the record in the buffer, as its header says; of the header, where that does not hold.
  private var recordSize: Int {
    JournalFormat.headerSize + (RecordHeader(self.buffer, at: self.start)?.length ?? 0)
  }

  /// Bytes of each stream up to the position, gaps included. Blocks.
  package func counts() throws(StoreError) -> StreamCounts {
    var counts = StreamCounts()
    if JournalStream.allCases.contains(where: { self.next[$0] == nil }) {
      counts = try self.countsOfSegment()
    }
    for stream in JournalStream.allCases { counts[stream] = self.next[stream] ?? counts[stream] }
    return counts
  }

  /// By what is open here: its name may be gone.
  private func countsOfSegment() throws(StoreError) -> StreamCounts {
    let copy = try StoreError.wrap { () throws(SystemError) in try self.segment.duplicate() }
    guard let header = try OpenSegment.header(of: copy, base: self.base, jobID: self.jobID) else {
      return StreamCounts()  // emptied at this moment, as the oldest may be
    }
    var counts = header.before
    do throws(SystemError) {
      var headers = try JournalHeaders(base: self.base, segment: copy)
      while let heading = try headers.next(), heading.end <= self.position {
        counts[heading.stream] = heading.streamEnd
      }
    } catch {
      throw .system(error)
    }
    return counts
  }

  private mutating func forget() { (self.start, self.filled, self.reads) = (0, 0, 0) }

  private mutating func fill(waiting: Bool) throws(StoreError) -> File.ReadResult {
    if self.start > 0 {
      let rest = Array(self.buffer[self.start..<self.filled])
      self.buffer.store(rest, at: 0)
      self.filled -= self.start
      self.start = 0
      self.reads = rest.isEmpty ? 0 : self.reads
    }
    let result: File.ReadResult
    do throws(SystemError) {
      result = try File.read(
        self.segment, into: &self.buffer, at: self.filled, count: self.buffer.count - self.filled,
        position: self.offset + UInt64(self.filled), waiting: waiting)
    } catch {
      throw .system(error)
    }
    if case .bytes(let count) = result {
      self.filled += count
      self.reads += 1
    }
    return result
  }
}
