import Glibc
package import Linux

/// What a record says of itself, without its bytes.
package struct JournalHeading: Hashable, Sendable {
  package var stream: JournalStream
  /// Nanoseconds since 1970.
  package var wallTime: Int64
  /// Where its bytes begin in its stream.
  package var offset: UInt64
  package var length: Int
  /// The position of the record itself.
  package var position: UInt64

  /// The position behind the record.
  package var end: UInt64 { self.position + UInt64(JournalFormat.headerSize + self.length) }
}

/// Goes from record to record of one segment by their headers, stepping over what was written: for
/// looking up places and counts, never for what a client is given, as no checksum is looked at.
package struct JournalHeaders: ~Copyable {
  /// Small, as large records are stepped over; a page holds the headers of many small ones.
  private static let blockSize = 4096

  private let segment: OwnedDescriptor
  private let base: UInt64
  private let size: UInt64
  private var offset = UInt64(JournalFormat.headerSize)
  private var block = [UInt8](repeating: 0, count: Self.blockSize)
  private var blockStart: UInt64 = 0
  private var blockCount = 0

  /// ENOENT when the segment is gone, as the oldest may be.
  package init(base: UInt64, in folder: borrowing OwnedDescriptor) throws(SystemError) {
    let segment = try File.open(JournalFormat.fileName(base: base), in: folder, O_RDONLY)
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

  /// The next record's; nil behind the last whole one.
  package mutating func next() throws(SystemError) -> JournalHeading? {
    let header = UInt64(JournalFormat.headerSize)
    guard self.offset + header <= self.size, let start = try self.load() else { return nil }
    let head = Array(self.block[start..<(start + JournalFormat.headerSize)])
    let length = Int(head.load(at: 4) as UInt32)
    guard Array(head[..<2]) == JournalFormat.recordMagic,
      let stream = JournalStream(rawValue: head[2]), length <= JournalFormat.maxPayload,
      self.offset + header + UInt64(length) <= self.size
    else { return nil }
    defer { self.offset += header + UInt64(length) }
    return JournalHeading(
      stream: stream, wallTime: head.load(at: 8), offset: head.load(at: 24), length: length,
      position: self.position)
  }

  /// Where in the block the header at `offset` begins, once it is there as a whole.
  private mutating func load() throws(SystemError) -> Int? {
    let end = self.offset + UInt64(JournalFormat.headerSize)
    if self.offset < self.blockStart || end > self.blockStart + UInt64(self.blockCount) {
      let result = try File.read(
        self.segment, into: &self.block, at: 0, count: Self.blockSize, position: self.offset,
        waiting: true)
      self.blockStart = self.offset
      guard case .bytes(let count) = result, count >= JournalFormat.headerSize else {
        self.blockCount = 0
        return nil
      }
      self.blockCount = count
    }
    return Int(self.offset - self.blockStart)
  }
}

/// Bytes of each stream from the job's first.
package struct JournalTotals: Hashable, Sendable {
  package var stdoutBytes: UInt64 = 0
  package var stderrBytes: UInt64 = 0

  package var sum: UInt64 { self.stdoutBytes + self.stderrBytes }

  /// Of the journal in `folder`, up to `position` (nil: its end); from the last record of each stream,
  /// looked for from the end backward. Blocks.
  package static func count(
    in folder: borrowing OwnedDescriptor, upTo position: UInt64? = nil
  ) throws(SystemError) -> JournalTotals {
    var last: [JournalStream: UInt64] = [:]
    for base in try JournalFormat.bases(in: folder).reversed()
    where base < position ?? .max && last.count < JournalStream.allCases.count {
      for (stream, end) in try self.ends(base, in: folder, upTo: position)
      where last[stream] == nil {
        last[stream] = end
      }
    }
    return JournalTotals(stdoutBytes: last[.stdout] ?? 0, stderrBytes: last[.stderr] ?? 0)
  }

  private static func ends(
    _ base: UInt64, in folder: borrowing OwnedDescriptor, upTo position: UInt64?
  ) throws(SystemError) -> [JournalStream: UInt64] {
    var ends: [JournalStream: UInt64] = [:]
    // The oldest may be dropped meanwhile.
    guard File.exists(JournalFormat.fileName(base: base), in: folder) else { return [:] }
    var headers = try JournalHeaders(base: base, in: folder)
    while let heading = try headers.next(), heading.end <= position ?? .max {
      ends[heading.stream] = heading.offset + UInt64(heading.length)
    }
    return ends
  }
}
