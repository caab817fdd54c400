import Linux

/// The layout of a job's journal, byte by byte; all numbers little endian.
///
/// DESIGN: the journal is one long sequence of bytes, cut into segment files. A segment is named
/// `output.` and its base position in 16 hexadecimal digits; it begins with a header of 56 bytes
/// and goes on with records; the next segment's base is this one's base plus its size. A position
/// in that sequence, behind a record, is what a cursor means. Only the keeper writes, and only at
/// the end; a record is valid when its checksum is, and what follows the last valid record at the
/// end of the last segment is a torn write and is not served. Where a quota is full the oldest
/// segments go: the oldest that is left says how many bytes of each stream were before it.
///
///     segment header: magic "WORKJRNL" (8), version (4), header size (4), base position (8),
///                     job id (8), bytes of stdout before it (8), bytes of stderr before it (8),
///                     CRC-32C of the 48 bytes before it (4), zero (4)
///     record header:  magic "WJ" (2), stream (1), kind (1), payload length (4),
///                     wall time ns since 1970 (8), monotonic time ns (8),
///                     offset of the payload in its stream (8),
///                     CRC-32C of the 32 bytes before it and the payload (4),
///                     CRC-32C of the 36 bytes before it (4)
///     kinds:          0 output; 1 a gap, whose payload is a `JournalGap`'s (16)
package enum JournalFormat {
  package static let headerSize = 40
  package static let maxPayload = 64 * 1024
  package static let segmentHeaderSize = 56
  static let checkedSize = 32
  static let version: UInt32 = 3
  static let segmentMagic = Array("WORKJRNL".utf8)
  static let recordMagic = Array("WJ".utf8)
  static let filePrefix = "output."

  static func fileName(base: UInt64) -> String {
    let digits = String(base, radix: 16)
    return self.filePrefix + String(repeating: "0", count: 16 - digits.count) + digits
  }

  static func base(fileName: String) -> UInt64? {
    guard fileName.hasPrefix(self.filePrefix) else { return nil }
    let digits = fileName.dropFirst(self.filePrefix.count)
    return digits.utf8.count == 16 ? UInt64(digits, radix: 16) : nil
  }

  /// The base positions of the segments in `folder`, in order.
  static func bases(in folder: borrowing OwnedDescriptor) throws(SystemError) -> [UInt64] {
    try Folder.names(in: folder).compactMap { self.base(fileName: $0) }.sorted()
  }
}

/// One of a job's two streams, as the journal names it.
package enum JournalStream: UInt8, Hashable, Sendable, CaseIterable {
  case stdout = 1
  case stderr = 2
}

/// What a record holds.
enum JournalKind: UInt8, Hashable, Sendable {
  case output = 0
  case gap = 1
}

/// A number for each stream.
package struct StreamCounts: Hashable, Sendable {
  package var stdout: UInt64 = 0
  package var stderr: UInt64 = 0

  package init() {}

  /// Of both; as many as there can be, where damage has made more of them.
  package var total: UInt64 {
    let (sum, overflow) = self.stdout.addingReportingOverflow(self.stderr)
    return overflow ? .max : sum
  }

  package subscript(_ stream: JournalStream) -> UInt64 {
    get { stream == .stdout ? self.stdout : self.stderr }
    set {
      switch stream {
      case .stdout: self.stdout = newValue
      case .stderr: self.stderr = newValue
      }
    }
  }
}

extension [UInt8] {
  /// Stores a little-endian number at `offset`.
  mutating func store<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
    for index in 0..<(Number.bitWidth / 8) {
      self[offset + index] = UInt8(truncatingIfNeeded: number >> (index * 8))
    }
  }

  /// Reads a little-endian number at `offset`.
  func load<Number: FixedWidthInteger>(at offset: Int) -> Number {
    (0..<(Number.bitWidth / 8)).reduce(Number(0)) {
      $0 | Number(truncatingIfNeeded: self[offset + $1]) << ($1 * 8)
    }
  }

  mutating func store(_ bytes: [UInt8], at offset: Int) {
    self.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
  }
}
