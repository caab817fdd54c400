/// Counts what a client makes a server do for nothing, on one connection: PINGs, SETTINGS, resets,
/// window updates, priorities, empty and tiny frames, new keys, and whatever breaks the protocol.
///
/// Useful work earns allowance: a client that reads fast sends many window updates, one that sends
/// many small messages many small frames. What is left over is a flood, whatever its name: rapid
/// reset (CVE-2023-44487), MadeYouReset (CVE-2025-8671), the eight of CVE-2019-9511 to 9518. A value
/// with the time from outside.
struct FloodGuard {
  private var bucket: TokenBucket
  private var unearned = 0
  /// Bytes that came and belong to no frame that was told of: nghttp2 skips those of unknown types and
  /// of streams that are gone. Below zero within a frame.
  private var untold = 0
  private(set) var isFlooded = false

  init(_ limit: RateLimit, now: Int64) { self.bucket = TokenBucket(limit, now: now) }

  /// The header of a frame has come, RFC 9113 4.1.
  mutating func received(type: UInt8, length: Int, flags: UInt8, now: Int64) {
    self.untold -= Self.headerSize + length
    let cost = Self.cost(type: type, length: length, flags: flags)
    if cost > 0 { self.charge(cost, now: now) }
  }

  /// Bytes have come, and the frames in them were told of.
  mutating func arrived(_ bytes: Int, now: Int64) {
    self.untold += bytes
    guard self.untold >= Self.largestFrame else { return }
    self.charge(self.untold / Self.largestFrame, now: now)
    self.untold %= Self.largestFrame
  }

  private static let headerSize = 9
  private static let largestFrame = 16 << 10

  /// A frame broke the protocol, or a request was none: an answer or a reset that nobody needed.
  mutating func offended(now: Int64) { self.charge(Self.offence, now: now) }

  private static let offence = 10

  /// An honest peer does that once in 2^24 records, RFC 8446 5.5.
  mutating func renewedKeys(_ times: Int, now: Int64) {
    self.charge(times * Self.offence, now: now)
  }

  /// Bytes of a call went either way.
  mutating func moved(_ bytes: Int) {
    self.unearned += bytes
    guard self.unearned >= Self.bytesPerFrame else { return }
    self.bucket.earn(self.unearned / Self.bytesPerFrame)
    self.unearned %= Self.bytesPerFrame
  }

  /// Peers give windows back in quarters of 64 KiB or more, to stream and connection, with PINGs
  /// between to measure: five frames in 16 KiB at the most.
  private static let bytesPerFrame = 3 << 10

  /// A message was whole, or a call was answered.
  mutating func completed() { self.bucket.earn(2) }

  private mutating func charge(_ cost: Int, now: Int64) {
    if !self.bucket.take(cost, now: now) { self.isFlooded = true }
  }

  /// Types and flags of RFC 9113 6.
  private static func cost(type: UInt8, length: Int, flags: UInt8) -> Int {
    switch type {
    case 0x0:  // DATA: small, or padded and so maybe empty, and not the last
      let isLast = flags & 0x1 != 0
      let isPadded = flags & 0x8 != 0
      return (length < Self.tinyFrame || isPadded) && !isLast ? 1 : 0
    case 0x1: return 0  // HEADERS: calls have limits of their own
    case 0x4: return 1 + length / 6  // SETTINGS: each entry may change every stream
    default: return 1
    }
  }

  private static let tinyFrame = 256
}
