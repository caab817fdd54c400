import CLinux
import Linux

/// Whose connections count together: an IPv4 address, or the 64 bits of an IPv6 network that one
/// host can choose from as it likes (RFC 4291 2.5.4).
struct AddressKey: Hashable {
  private let bits: UInt64
  private let isIPv4: Bool

  init(_ endpoint: IPEndpoint) {
    let bytes = withUnsafeBytes(of: endpoint.raw.bytes) { Array($0) }
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    // A socket for both versions shows IPv4 as ::ffff:a.b.c.d, RFC 4291 2.5.5.2.
    let isMapped = !endpoint.isIPv4 && bytes.starts(with: mapped)
    self.isIPv4 = endpoint.isIPv4 || isMapped
    let significant = isMapped ? bytes[12..<16] : bytes[..<(endpoint.isIPv4 ? 4 : 8)]
    self.bits = significant.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// What each address uses of a server before anybody knows who it is. A value with the time from
/// outside.
struct AddressLedger {
  private struct Entry {
    var connections = 0
    var handshakes: TokenBucket
  }

  private let limits: TransportLimits
  private var entries: [AddressKey: Entry] = [:]
  private static let mostEntries = 16_384

  init(_ limits: TransportLimits) { self.limits = limits }

  var count: Int { self.entries.count }

  /// Nil when a connection of `key` may be taken, which counts then; or why not.
  mutating func admit(_ key: AddressKey, now: Int64) -> String? {
    var entry =
      self.entries[key]
      ?? Entry(handshakes: TokenBucket(self.limits.handshakesPerAddress, now: now))
    let limit = self.limits.connectionsPerAddress
    defer { self.entries[key] = entry }
    guard limit <= 0 || entry.connections < limit else {
      return "the limit of \(limit) connections of one address is reached"
    }
    guard entry.handshakes.take(now: now) else {
      return "the limit of \(self.limits.handshakesPerAddress.perSecond) handshakes a second "
        + "of one address is reached"
    }
    entry.connections += 1
    return nil
  }

  mutating func leave(_ key: AddressKey, now: Int64) {
    self.entries[key]?.connections -= 1
    if self.entries.count > Self.mostEntries { self.forget(now) }
  }

  /// What is worth remembering: who is here, and who has been here too often.
  private mutating func forget(_ now: Int64) {
    self.entries = self.entries.filter { _, entry in
      var handshakes = entry.handshakes
      return entry.connections > 0 || !handshakes.isFull(now: now)
    }
    guard self.entries.count > Self.mostEntries else { return }
    self.entries = self.entries.filter { $1.connections > 0 }
  }
}
