import Linux

/// The first 40 bytes of a segment, see `JournalFormat`.
struct SegmentHeader: Hashable {
  var base: UInt64
  var jobID: String

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: JournalFormat.headerSize)
    bytes.store(JournalFormat.segmentMagic, at: 0)
    bytes.store(JournalFormat.version, at: 8)
    bytes.store(UInt32(JournalFormat.headerSize), at: 12)
    bytes.store(self.base, at: 16)
    bytes.store(UInt64(self.jobID, radix: 16) ?? 0, at: 24)
    bytes.store(Checksum.crc32c(bytes, 0..<JournalFormat.checkedSize), at: 32)
    return bytes
  }

  static let cutShort = "segment header cut short"

  /// Says what is wrong with `bytes` as this header; nil when they are it.
  func complaint(about bytes: [UInt8]) -> String? {
    guard bytes.count >= JournalFormat.headerSize else { return Self.cutShort }
    guard Array(bytes[..<8]) == JournalFormat.segmentMagic else { return "not a journal segment" }
    let version: UInt32 = bytes.load(at: 8)
    guard version == JournalFormat.version else { return "journal version \(version)" }
    guard Array(bytes[..<JournalFormat.headerSize]) == self.encoded() else {
      return "segment header of another place or with a wrong checksum"
    }
    return nil
  }
}
