import Glibc
package import Linux

/// Appends a job's output to its journal; used by the keeper alone.
///
/// Holds the one buffer that output is read into: the record's header is put in front of the bytes,
/// so that a record is one write(2) and nothing is copied.
package struct JournalWriter: ~Copyable {
  private let folder: OwnedDescriptor
  private let jobID: String
  private let segmentSize: UInt64
  private var segment: OwnedDescriptor
  private var base: UInt64 = 0
  private var size: UInt64
  private var buffer: [UInt8]
  private var stdoutBytes: UInt64 = 0
  private var stderrBytes: UInt64 = 0

  /// Starts a new journal in `folder`; EEXIST when there is one.
  package init(
    folder: consuming OwnedDescriptor, jobID: String, segmentSize: UInt64
  ) throws(SystemError) {
    self.jobID = jobID
    self.segmentSize = segmentSize
    self.segment = try Self.makeSegment(in: folder, base: 0, jobID: jobID)
    self.folder = folder
    self.size = UInt64(JournalFormat.headerSize)
    self.buffer = [UInt8](
      repeating: 0, count: JournalFormat.headerSize + JournalFormat.maxPayload)
  }

  /// The position behind the last record.
  package var end: UInt64 { self.base + self.size }

  /// Bytes written so far to `stream`.
  package func bytes(of stream: JournalStream) -> UInt64 {
    switch stream {
    case .stdout: self.stdoutBytes
    case .stderr: self.stderrBytes
    }
  }

  /// Reads once from `source` and appends what was there as one record.
  package mutating func copy(
    from source: borrowing OwnedDescriptor, stream: JournalStream
  ) throws(JournalCopyError) -> File.ReadResult {
    let result: File.ReadResult
    do throws(SystemError) {
      result = try File.read(
        source, into: &self.buffer, at: JournalFormat.headerSize, count: JournalFormat.maxPayload)
    } catch {
      throw .source(error)
    }
    if case .bytes(let count) = result {
      do throws(SystemError) { try self.append(count: count, stream: stream) } catch {
        throw .journal(error)
      }
    }
    return result
  }

  /// Appends `bytes` (at most `JournalFormat.maxPayload`) as one record.
  package mutating func append(_ bytes: [UInt8], stream: JournalStream) throws(SystemError) {
    precondition(!bytes.isEmpty && bytes.count <= JournalFormat.maxPayload)
    self.buffer.store(bytes, at: JournalFormat.headerSize)
    try self.append(count: bytes.count, stream: stream)
  }

  /// Makes the last segment survive a power loss, once the folder is synced as well: that of the exit
  /// record does it, which follows in the same folder. Earlier segments are left to the kernel's own
  /// writeback, as a sync at each would hold the job to the disk's speed (twice as slow, measured); what
  /// a power loss takes of them shows as DATA_LOSS, as the exit record says where the journal ends.
  package func sync() throws(SystemError) {
    guard self.end > UInt64(JournalFormat.headerSize) else { return }  // nothing was written
    try File.sync(self.segment)
  }

  private mutating func append(count: Int, stream: JournalStream) throws(SystemError) {
    let total = JournalFormat.headerSize + count
    if self.size + UInt64(total) > self.segmentSize { try self.startSegment() }
    self.fillHeader(count: count, stream: stream)
    do throws(SystemError) {
      try File.write(self.segment, from: self.buffer, range: 0..<total)
    } catch {
      // A part may be on disk (ENOSPC): cut it off, so that the next record follows a whole one.
      try? File.truncate(self.segment, to: Int64(self.size))  // best effort: readers cut it too
      throw error
    }
    self.size += UInt64(total)
    switch stream {
    case .stdout: self.stdoutBytes += UInt64(count)
    case .stderr: self.stderrBytes += UInt64(count)
    }
  }

  private mutating func fillHeader(count: Int, stream: JournalStream) {
    self.buffer.store(JournalFormat.recordMagic, at: 0)
    self.buffer[2] = stream.rawValue
    self.buffer[3] = 0
    self.buffer.store(UInt32(count), at: 4)
    self.buffer.store(Clock.wall(), at: 8)
    self.buffer.store(Clock.monotonic(), at: 16)
    self.buffer.store(self.bytes(of: stream), at: 24)
    let start = Checksum.crc32c(self.buffer, 0..<JournalFormat.checkedSize)
    let payload = JournalFormat.headerSize..<(JournalFormat.headerSize + count)
    self.buffer.store(Checksum.crc32c(self.buffer, payload, after: start), at: 32)
    self.buffer.store(UInt32(0), at: 36)
  }

  private mutating func startSegment() throws(SystemError) {
    self.segment = try Self.makeSegment(in: self.folder, base: self.end, jobID: self.jobID)
    self.base = self.end
    self.size = UInt64(JournalFormat.headerSize)
  }

  private static func makeSegment(
    in folder: borrowing OwnedDescriptor, base: UInt64, jobID: String
  ) throws(SystemError) -> OwnedDescriptor {
    // O_APPEND: after a cut the next write goes behind the cut, not behind a hole. A segment left
    // over from a failed start of it is written anew.
    let name = JournalFormat.fileName(base: base)
    let segment = try File.open(name, in: folder, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC)
    try File.writeAll(SegmentHeader(base: base, jobID: jobID).encoded(), to: segment)
    return segment
  }
}

/// Why output could not be taken over.
package enum JournalCopyError: Error {
  case source(SystemError)
  case journal(SystemError)
}
