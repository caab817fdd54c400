/// The encoding of `grpc-message`: UTF-8, everything outside of printable ASCII, and `%`, as %XX.
enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// What is longer than `limit` is cut, between two characters, and ends in `...`.
  static func encode(_ text: String, limit: Int = .max) -> String {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    out.reserveCapacity(min(bytes.count, limit))
    var whole = 0
    for (index, byte) in bytes.enumerated() {
      if byte & 0xc0 != 0x80, out.count <= limit { whole = out.count }
      if out.count > limit { return String(decoding: out[..<whole], as: UTF8.self) + "..." }
      // HTTP/2 forbids a space at either end of a field's value, RFC 9113 8.2.1.
      let atEnd = byte == 0x20 && (index == 0 || index == bytes.count - 1)
      if (0x20...0x7e).contains(byte), byte != 0x25, !atEnd {
        out.append(byte)
      } else {
        out += [0x25, Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// What is no valid escape stays as it is: the message is for people, never lost to an error.
  static func decode(_ text: String) -> String {
    guard text.utf8.contains(0x25) else { return text }
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count {
      if bytes[at] == 0x25, at + 2 < bytes.count, let high = Self.value(bytes[at + 1]),
        let low = Self.value(bytes[at + 2])
      {
        out.append(high << 4 | low)
        at += 3
      } else {
        out.append(bytes[at])
        at += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }
}
