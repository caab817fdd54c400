import Glibc
package import Linux

/// What a record says of itself, without its bytes.
package struct JournalHeading: Hashable, Sendable {
  package var stream: JournalStream
  /// Nanoseconds since 1970.
  package var wallTime: Int64
  /// Where its bytes begin in its stream.
  package var offset: UInt64
  /// Where its stream is behind it; of a gap, the first byte that is not missing.
  package var streamEnd: UInt64
  package var length: Int
  /// The position of the record itself.
  package var position: UInt64

  /// The position behind the record.
  package var end: UInt64 { self.position + UInt64(JournalFormat.headerSize + self.length) }
}

/// Goes from record to record of one segment by their headers, stepping over what was written: for
/// looking up places and counts, never for what a client is given, as no payload's checksum is looked at.
package struct JournalHeaders: ~Copyable {
  /// Small, as large records are stepped over; a page holds the headers of many small ones.
  private static let blockSize = 4096

  private let segment: OwnedDescriptor
  private let base: UInt64
  private let size: UInt64
  private var offset = UInt64(JournalFormat.segmentHeaderSize)
  private var block = [UInt8](repeating: 0, count: Self.blockSize)
  private var blockStart: UInt64 = 0
  private var blockCount = 0

  /// ENOENT when the segment is gone, as the oldest may be.
  package init(base: UInt64, in folder: borrowing OwnedDescriptor) throws(SystemError) {
    let segment = try File.open(JournalFormat.fileName(base: base), in: folder, O_RDONLY)
    try self.init(base: base, segment: segment)
  }

  init(base: UInt64, segment: consuming OwnedDescriptor) throws(SystemError) {
    self.size = UInt64(try File.size(segment))
    self.segment = segment
    self.base = base
  }

  /// The base positions of the segments in `folder`, in order.
  package static func bases(in folder: borrowing OwnedDescriptor) throws(SystemError) -> [UInt64] {
    try JournalFormat.bases(in: folder)
  }

  /// Bytes of a segment on disk.
  package static func size(
    base: UInt64, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) -> Int64 {
    try File.size(try File.open(JournalFormat.fileName(base: base), in: folder, O_RDONLY))
  }

  /// The position behind the last heading that was given out.
  package var position: UInt64 { self.base + self.offset }

  /// The next record's; nil behind the last whole one, or where a header is damaged.
  package mutating func next() throws(SystemError) -> JournalHeading? {
    let size = UInt64(JournalFormat.headerSize)
    guard self.offset + size <= self.size, let start = try self.load(JournalFormat.headerSize),
      let header = RecordHeader(self.block, at: start),
      self.offset + size + UInt64(header.length) <= self.size,
      let end = try self.streamEnd(of: header)
    else { return nil }
    defer { self.offset += size + UInt64(header.length) }
    return JournalHeading(
      stream: header.stream, wallTime: header.wallTime, offset: header.offset, streamEnd: end,
      length: header.length, position: self.position)
  }

  private mutating func streamEnd(of header: RecordHeader) throws(SystemError) -> UInt64? {
    switch header.kind {
    case .output:
      let (end, overflow) = header.offset.addingReportingOverflow(UInt64(header.length))
      return overflow ? nil : end
    case .gap:
      let size = JournalFormat.headerSize + JournalGap.payloadSize
      guard header.length == JournalGap.payloadSize, let start = try self.load(size) else {
        return nil
      }
      return JournalGap.parse(self.block, at: start + JournalFormat.headerSize)?.to
    }
  }

  /// Where in the block the header at `offset` begins, once `size` bytes from there on are in it.
  private mutating func load(_ size: Int) throws(SystemError) -> Int? {
    let end = self.offset + UInt64(size)
    if self.offset < self.blockStart || end > self.blockStart + UInt64(self.blockCount) {
      let result = try File.read(
        self.segment, into: &self.block, at: 0, count: Self.blockSize, position: self.offset,
        waiting: true)
      self.blockStart = self.offset
      guard case .bytes(let count) = result, count >= size else {
        self.blockCount = 0
        return nil
      }
      self.blockCount = count
    }
    return Int(self.offset - self.blockStart)
  }
}

extension StreamCounts {
  /// Bytes of each stream that the journal in `folder` tells of, gaps included: by the header of the last segment and those of the records in it. Blocks.
  package static func ofJournal(
    in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> StreamCounts {
    try self.end(in: folder, jobID: jobID)?.counts ?? StreamCounts()
  }

  /// The same, and the position behind the last record; nil where there is no segment.
  package static func end(
    in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> (counts: StreamCounts, position: UInt64)? {
    for base in try OpenSegment.bases(in: folder).reversed() {
      // Its header may not be there yet, or it was dropped meanwhile.
      guard let segment = try OpenSegment.open(base, in: folder, jobID: jobID) else { continue }
      var counts = segment.header.before
      do throws(SystemError) {
        var headers = try JournalHeaders(base: base, segment: segment.takeDescriptor())
        while let heading = try headers.next() { counts[heading.stream] = heading.streamEnd }
        return (counts, headers.position)
      } catch {
        throw .system(error)
      }
    }
    return nil
  }
}
