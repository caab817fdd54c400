import Glibc
package import Linux

/// Appends a job's output to its journal; used by the keeper alone.
///
/// Holds the one buffer that output is read into: the record's header is put in front of the bytes,
/// so that a record is one write(2) and nothing is copied.
///
/// DESIGN: what the job has written is counted in `taken`, what the journal tells of, as bytes or as a
/// gap, in `recorded`. They differ only after output had to be dropped, and the difference is the gap
/// that is recorded in front of the next record that finds room.
package struct JournalWriter: ~Copyable {
  let folder: OwnedDescriptor
  let jobID: String
  let segmentSize: UInt64
  let quota: JournalQuota
  var segment: OwnedDescriptor
  var base: UInt64 = 0
  var size: UInt64
  /// The segments before, oldest first, and their bytes.
  var older: [(base: UInt64, size: UInt64)] = []
  var olderBytes: UInt64 = 0
  private var buffer: [UInt8]
  private var taken = StreamCounts()
  private(set) var recorded = StreamCounts()
  private var reason = JournalGap.Reason.quota
  /// In `buffer`, read from the job, and waiting for room on the disk.
  private var held: (stream: JournalStream, count: Int)?
  private var isDraining = false

  /// Starts a new journal in `folder`.
  package init(
    folder: consuming OwnedDescriptor, jobID: String, segmentSize: UInt64,
    quota: JournalQuota = JournalQuota()
  ) throws(SystemError) {
    self.jobID = jobID
    self.segmentSize = segmentSize
    self.quota = quota
    self.segment = try Self.makeSegment(in: folder, SegmentHeader(base: 0, jobID: jobID))
    self.folder = folder
    self.size = UInt64(JournalFormat.segmentHeaderSize)
    self.buffer = [UInt8](
      repeating: 0, count: JournalFormat.headerSize + JournalFormat.maxPayload)
  }

  /// Where the oldest segment begins that is kept.
  package var start: UInt64 { self.older.first?.base ?? self.base }

  /// The position behind the last record.
  package var end: UInt64 { self.base + self.size }

  /// Bytes on disk.
  package var kept: UInt64 { self.olderBytes + self.size }

  /// Bytes that the job has written to `stream` so far.
  package func bytes(of stream: JournalStream) -> UInt64 { self.taken[stream] }

  /// Output that the disk has had no room for yet; `writeHeld` tries again.
  package var isHolding: Bool { self.held != nil }

  /// What the journal does not tell of: output that was dropped, and no room since to say so.
  package var untold: ExitRecord.Untold? {
    guard self.recorded != self.taken else { return nil }
    return ExitRecord.Untold(from: self.recorded, reason: self.reason)
  }

  /// Reads once from `source` and appends what was there as one record. `.full`: nothing was read,
  /// or what was read is held, and who reads must wait or end the job.
  package mutating func copy(
    from source: borrowing OwnedDescriptor, stream: JournalStream
  ) throws(JournalCopyError) -> JournalCopy {
    guard self.writeHeld() else { return .full }
    let room = self.room
    guard room > 0 || self.isDraining else { return .full }
    let result: File.ReadResult
    do throws(SystemError) {
      result = try File.read(
        source, into: &self.buffer, at: JournalFormat.headerSize,
        count: room > 0 ? min(room, JournalFormat.maxPayload) : JournalFormat.maxPayload)
    } catch {
      throw .source(error)
    }
    guard case .bytes(let count) = result else {
      return result == .endOfFile ? .endOfFile : .wouldBlock
    }
    if room > 0 { return try self.keep(count, stream) }
    self.drop(count, stream, .quota)
    return .bytes(count)
  }

  /// The job is over: from here on nothing waits for room. A segment more than the quota is there for
  /// what the pipes still hold.
  package mutating func startDraining() {
    self.isDraining = true
    _ = self.writeHeld()
  }

  /// Records what was dropped last, if there is room now.
  package mutating func finish() {
    try? self.makingRoom { (writer: inout Self) throws(SystemError) in
      try writer.recordGaps()
    }  // else the exit record tells, see `untold`
  }

  /// Makes the last segment survive a power loss, once the folder is synced as well: that of the exit
  /// record does it, which follows in the same folder. Earlier segments are left to the kernel's own
  /// writeback, as a sync at each would hold the job to the disk's speed (twice as slow, measured); what
  /// a power loss takes of them shows as DATA_LOSS, as the exit record says where the journal ends.
  package func sync() throws(SystemError) {
    guard self.end > UInt64(JournalFormat.segmentHeaderSize) else { return }  // nothing was written
    try File.sync(self.segment)
  }

  /// Appends `bytes` (at most `JournalFormat.maxPayload`) as one record.
  package mutating func append(_ bytes: [UInt8], stream: JournalStream) throws(SystemError) {
    precondition(!bytes.isEmpty && bytes.count <= JournalFormat.maxPayload)
    self.buffer.store(bytes, at: JournalFormat.headerSize)
    try self.append(count: bytes.count, stream)
  }
}

// What becomes of bytes that were read.
extension JournalWriter {
  private mutating func keep(
    _ count: Int, _ stream: JournalStream
  ) throws(JournalCopyError) -> JournalCopy {
    do throws(SystemError) {
      try self.append(count: count, stream)
      return .bytes(count)
    } catch {
      guard !self.isDraining, self.quota.whenFull == .block else {
        self.drop(count, stream, .disk(errno: error.errno))
        if !self.isDraining, self.quota.whenFull == .stop { throw .journal(error) }
        return .bytes(count)
      }
      self.held = (stream, count)
      return .full
    }
  }

  /// False while there is no room for what is held.
  package mutating func writeHeld() -> Bool {
    guard let (stream, count) = self.held else { return true }
    do throws(SystemError) {
      try self.append(count: count, stream)
    } catch {
      guard self.isDraining else { return false }
      self.drop(count, stream, .disk(errno: error.errno))
    }
    self.held = nil
    return true
  }

  private mutating func drop(_ count: Int, _ stream: JournalStream, _ reason: JournalGap.Reason) {
    self.taken[stream] += UInt64(count)
    self.reason = reason
  }

  private mutating func append(count: Int, _ stream: JournalStream) throws(SystemError) {
    try self.makingRoom { (writer: inout Self) throws(SystemError) in
      try writer.recordGaps()
      Self.fillHeader(
        &writer.buffer, count: count, stream, .output, offset: writer.taken[stream])
      try writer.put(writer.buffer, count: JournalFormat.headerSize + count)
    }
    self.taken[stream] += UInt64(count)
    self.recorded[stream] = self.taken[stream]
  }

  private mutating func recordGaps() throws(SystemError) {
    for stream in JournalStream.allCases where self.recorded[stream] != self.taken[stream] {
      var record = [UInt8](repeating: 0, count: JournalFormat.headerSize)
      record += JournalGap.payload(to: self.taken[stream], reason: self.reason)
      Self.fillHeader(
        &record, count: JournalGap.payloadSize, stream, .gap, offset: self.recorded[stream])
      try self.put(record, count: record.count)
      self.recorded[stream] = self.taken[stream]
    }
  }

  private static func fillHeader(
    _ buffer: inout [UInt8], count: Int, _ stream: JournalStream, _ kind: JournalKind,
    offset: UInt64
  ) {
    buffer.store(JournalFormat.recordMagic, at: 0)
    buffer[2] = stream.rawValue
    buffer[3] = kind.rawValue
    buffer.store(UInt32(count), at: 4)
    buffer.store(Clock.wall(), at: 8)
    buffer.store(Clock.monotonic(), at: 16)
    buffer.store(offset, at: 24)
    let start = Checksum.crc32c(buffer, 0..<JournalFormat.checkedSize)
    let payload = JournalFormat.headerSize..<(JournalFormat.headerSize + count)
    buffer.store(Checksum.crc32c(buffer, payload, after: start), at: 32)
    let header = Checksum.crc32c(buffer, 0..<RecordHeader.checkedSize)
    buffer.store(header, at: RecordHeader.checkedSize)
  }

  /// Payload bytes for which the quota has room; the oldest make room where they may.
  private var room: Int {
    guard let bytes = self.quota.bytes, self.quota.whenFull != .dropOldest else { return .max }
    let limit = bytes + (self.isDraining ? self.segmentSize : 0)
    let headers = UInt64(JournalFormat.segmentHeaderSize + JournalFormat.headerSize)
    return Int(clamping: limit) - Int(clamping: self.kept + headers)
  }
}

/// What became of a `copy`.
package enum JournalCopy: Hashable, Sendable {
  case bytes(Int)
  case endOfFile
  /// Nothing is there to read now.
  case wouldBlock
  /// There is no room, by the quota or on the disk.
  case full
}

/// Why output could not be taken over.
package enum JournalCopyError: Error {
  case source(SystemError)
  case journal(SystemError)
}
