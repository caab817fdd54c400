import Glibc
import Linux

// The segments on disk.
extension JournalWriter {
  /// Runs `body` again and again while the disk is full and older segments can make room.
  mutating func makingRoom(
    _ body: (inout JournalWriter) throws(SystemError) -> Void
  ) throws(SystemError) {
    while true {
      do throws(SystemError) { return try body(&self) } catch {
        guard self.quota.whenFull == .dropOldest, error.errno == ENOSPC || error.errno == EDQUOT,
          self.dropOldest()
        else { throw error }
      }
    }
  }

  /// Appends a whole record.
  mutating func put(_ record: [UInt8], count: Int) throws(SystemError) {
    let isEmpty = self.size == UInt64(JournalFormat.segmentHeaderSize)
    if !isEmpty, self.size + UInt64(count) > self.segmentSize { try self.startSegment() }
    do throws(SystemError) {
      try File.write(self.segment, from: record, range: 0..<count)
    } catch {
      // A part may be on disk (ENOSPC): cut it off, so that the next record follows a whole one.
      try? File.truncate(self.segment, to: Int64(self.size))  // best effort: readers cut it too
      throw error
    }
    self.size += UInt64(count)
  }

  private mutating func startSegment() throws(SystemError) {
    if self.quota.whenFull == .dropOldest, let limit = self.quota.bytes {
      while self.kept + self.segmentSize > limit, self.dropOldest() {}
    }
    let header = SegmentHeader(base: self.end, jobID: self.jobID, before: self.recorded)
    self.segment = try Self.makeSegment(in: self.folder, header)
    self.older.append((self.base, self.size))
    self.olderBytes += self.size
    self.base = header.base
    self.size = UInt64(JournalFormat.segmentHeaderSize)
  }

  /// False when there is none but the one that is written.
  private mutating func dropOldest() -> Bool {
    guard let oldest = self.older.first else { return false }
    do throws(SystemError) {
      try File.discard(JournalFormat.fileName(base: oldest.base), in: self.folder)
    } catch {
      return false  // the disk is past more than being full
    }
    self.older.removeFirst()
    self.olderBytes -= oldest.size
    return true
  }

  static func makeSegment(
    in folder: borrowing OwnedDescriptor, _ header: SegmentHeader
  ) throws(SystemError) -> OwnedDescriptor {
    // O_APPEND: after a cut the next write goes behind the cut, not behind a hole. A segment left
    // over from a failed start of it is written anew.
    let name = JournalFormat.fileName(base: header.base)
    let segment = try File.open(name, in: folder, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC)
    do throws(SystemError) { try File.writeAll(header.encoded(), to: segment) } catch {
      // Without its header it would hide what is before it from who looks for a position, once a
      // smaller record has found room in front of it.
      try? File.discard(name, in: folder)  // best effort: the error below is the one to tell
      throw error
    }
    return segment
  }
}
