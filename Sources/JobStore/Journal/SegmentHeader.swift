import Linux

/// The first 56 bytes of a segment, see `JournalFormat`.
struct SegmentHeader: Hashable {
  var base: UInt64
  var jobID: String
  /// Bytes of each stream before this segment.
  var before = StreamCounts()

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: JournalFormat.segmentHeaderSize)
    bytes.store(JournalFormat.segmentMagic, at: 0)
    bytes.store(JournalFormat.version, at: 8)
    bytes.store(UInt32(JournalFormat.segmentHeaderSize), at: 12)
    bytes.store(self.base, at: 16)
    bytes.store(UInt64(self.jobID, radix: 16) ?? 0, at: 24)
    bytes.store(self.before.stdout, at: 32)
    bytes.store(self.before.stderr, at: 40)
    bytes.store(Checksum.crc32c(bytes, 0..<Self.checkedSize), at: Self.checkedSize)
    return bytes
  }

  private static let checkedSize = 48
  static let cutShort = "segment header cut short"

  /// Reads and checks the header of the segment at `base`.
  init(_ bytes: [UInt8], base: UInt64, jobID: String) throws(StoreError) {
    self.init(base: base, jobID: jobID)
    if let complaint = self.complaint(about: bytes) {
      throw .damaged(position: base, complaint)
    }
    self.before.stdout = bytes.load(at: 32)
    self.before.stderr = bytes.load(at: 40)
    guard Array(bytes[..<JournalFormat.segmentHeaderSize]) == self.encoded() else {
      throw .damaged(position: base, "segment header of another place or with a wrong checksum")
    }
  }

  init(base: UInt64, jobID: String, before: StreamCounts = StreamCounts()) {
    self.base = base
    self.jobID = jobID
    self.before = before
  }

  private func complaint(about bytes: [UInt8]) -> String? {
    guard bytes.count >= JournalFormat.segmentHeaderSize else { return Self.cutShort }
    guard Array(bytes[..<8]) == JournalFormat.segmentMagic else { return "not a journal segment" }
    let version: UInt32 = bytes.load(at: 8)
    return version == JournalFormat.version ? nil : "journal version \(version)"
  }
}
