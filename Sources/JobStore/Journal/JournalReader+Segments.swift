import Glibc
import Linux

// From one segment to the next.
extension JournalReader {
  /// Goes to the segment behind this one, or behind what was dropped; false while there is none. The
  /// writer makes a segment only behind a whole record.
  mutating func enterNextSegment(isAtEnd: Bool) throws(StoreError) -> Bool {
    let position = self.position
    if isAtEnd, self.offset > UInt64(JournalFormat.segmentHeaderSize),
      let found = try OpenSegment.open(position, in: self.folder, jobID: self.jobID)
    {
      let header = found.header
      self.enter(found)
      self.pass(header)
      return true
    }
    guard try self.isDropped else { return false }
    for base in try OpenSegment.bases(in: self.folder) where base >= position {
      guard let found = try OpenSegment.open(base, in: self.folder, jobID: self.jobID) else {
        continue  // dropped too, at this moment
      }
      let header = found.header
      self.enter(found)
      if base > position { self.jump(to: header, from: position) }
      self.pass(header)
      return true
    }
    return false
  }

  private mutating func enter(_ segment: consuming OpenSegment) {
    self.base = segment.header.base
    self.segment = segment.takeDescriptor()
    self.offset = UInt64(JournalFormat.segmentHeaderSize)
  }

  /// Everything between `position` and the segment is gone.
  mutating func jump(to header: SegmentHeader, from position: UInt64) {
    self.jumpedTo = header.base
    for stream in JournalStream.allCases
    where self.next[stream] ?? 0 != header.before[stream] {
      self.gaps.append(
        JournalGap(
          stream: stream, from: self.next[stream], to: header.before[stream], reason: .quota,
          wallTime: 0, end: position))
    }
    // Who goes on behind the first of two is told of both again.
    if let last = self.gaps.indices.last {
      self.gaps[last].end = header.base + UInt64(JournalFormat.segmentHeaderSize)
    }
  }

  /// What the header says of the streams is known from here on.
  mutating func pass(_ header: SegmentHeader) {
    for stream in JournalStream.allCases { self.next[stream] = header.before[stream] }
  }

  /// Whether another segment follows this one: then nothing is added to this one any more. One without a
  /// header holds nothing yet.
  func hasLaterSegment() throws(StoreError) -> Bool {
    for base in try OpenSegment.bases(in: self.folder).reversed() where base > self.base {
      if try OpenSegment.hasHeader(base, in: self.folder, jobID: self.jobID) { return true }
    }
    return false
  }

  /// Whether the segment has no name any more.
  var isDropped: Bool {
    get throws(StoreError) {
      do throws(SystemError) { return try File.isUnlinked(self.segment) } catch {
        throw .system(error)
      }
    }
  }
}
