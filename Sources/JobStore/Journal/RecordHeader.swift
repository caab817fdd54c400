import Linux

/// The first 40 bytes of a record, see `JournalFormat`.
///
/// DESIGN: it has a checksum of its own besides the one of the whole record: what it says of the record's
/// length and place holds without its payload. So records are stepped over safely, and a record whose
/// header holds and whose payload is not all there was cut short, and is not damaged.
struct RecordHeader: Hashable {
  var stream: JournalStream
  var kind: JournalKind
  /// Bytes of the payload.
  var length: Int
  var wallTime: Int64
  var monotonicTime: Int64
  /// Where the payload begins in its stream.
  var offset: UInt64
  /// Of the bytes before it and of the payload.
  var checksum: UInt32

  static let checkedSize = 36

  /// The header at `start` of `bytes`, which has as many; nil where none is, or a damaged one.
  init?(_ bytes: [UInt8], at start: Int) {
    guard bytes[start..<(start + 2)].elementsEqual(JournalFormat.recordMagic),
      Checksum.crc32c(bytes, start..<(start + Self.checkedSize))
        == bytes.load(at: start + Self.checkedSize),
      let stream = JournalStream(rawValue: bytes[start + 2]),
      let kind = JournalKind(rawValue: bytes[start + 3])
    else { return nil }
    let length = Int(bytes.load(at: start + 4) as UInt32)
    guard length <= JournalFormat.maxPayload else { return nil }
    self.stream = stream
    self.kind = kind
    self.length = length
    self.wallTime = bytes.load(at: start + 8)
    self.monotonicTime = bytes.load(at: start + 16)
    self.offset = bytes.load(at: start + 24)
    self.checksum = bytes.load(at: start + 32)
  }
}
