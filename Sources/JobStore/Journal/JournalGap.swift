/// Output that was written by the job and is not in the journal, told of in its place.
package struct JournalGap: Hashable, Sendable {
  package enum Reason: Hashable, Sendable {
    /// The quota was full.
    case quota
    /// The journal could not be written, with the errno.
    case disk(errno: Int32)
  }

  package var stream: JournalStream
  /// The first byte that is missing; nil when that is not known: behind a cursor whose place is gone.
  package var from: UInt64?
  /// The first byte behind it.
  package var to: UInt64
  package var reason: Reason
  /// Nanoseconds since 1970; 0 when not known.
  package var wallTime: Int64
  /// The position to go on from.
  package var end: UInt64
}

/// On disk: the first byte behind it (8), reason 1 quota or 2 disk (4), errno (4).
extension JournalGap {
  static let payloadSize = 16

  static func payload(to: UInt64, reason: Reason) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: self.payloadSize)
    bytes.store(to, at: 0)
    switch reason {
    case .quota: bytes.store(UInt32(1), at: 8)
    case .disk(let errno):
      bytes.store(UInt32(2), at: 8)
      bytes.store(errno, at: 12)
    }
    return bytes
  }

  /// The payload at `offset` of `bytes`; nil when it means nothing.
  static func parse(_ bytes: [UInt8], at offset: Int) -> (to: UInt64, reason: Reason)? {
    switch bytes.load(at: offset + 8) as UInt32 {
    case 1: (bytes.load(at: offset), .quota)
    case 2: (bytes.load(at: offset), .disk(errno: bytes.load(at: offset + 12)))
    default: nil
    }
  }
}
