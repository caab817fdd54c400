import Testing

/// HTTP/2 frames by hand, RFC 9113 4.1, for what no library sends.
enum Frames {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, 0, 0, [])

  static func frame(_ type: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8]) -> [UInt8] {
    let (size, stream) = (payload.count, UInt32(stream))
    let header: [UInt8] = [
      UInt8(size >> 16), UInt8(size >> 8 & 255), UInt8(size & 255), type, flags,
      UInt8(stream >> 24), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255),
      UInt8(stream & 255),
    ]
    return header + payload
  }

  /// The fields of a call to `path`, in HPACK without its table, RFC 7541 6.2.2.
  static func fields(_ path: String = "/test.Echo/Get") -> [UInt8] {
    func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
    let method: [UInt8] = [0x83, 0x87]  // :method POST, :scheme https
    return method + [0x04] + text(path) + [0x01] + text("localhost")
      + [0x0f, 0x10] + text("application/grpc")
  }

  /// HEADERS that end neither the stream nor, if `isWhole` is false, the fields.
  static func headers(_ stream: Int, _ fields: [UInt8] = Self.fields(), isWhole: Bool = true)
    -> [UInt8]
  {
    Self.frame(1, isWhole ? 0x4 : 0, stream, fields)
  }

  static func number(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
  }
}

/// A way to make a server work for nothing.
struct Flood: CustomTestStringConvertible, Sendable {
  let testDescription: String
  /// Sent once.
  let opening: [UInt8]
  /// Sent over and over, with a number that counts up.
  let round: @Sendable (Int) -> [UInt8]
  /// HTTP/2 calls it an error of the connection, so that there is no second round.
  let isError: Bool

  init(
    _ name: String, opening: [UInt8] = [], isError: Bool = false,
    _ round: @Sendable @escaping (Int) -> [UInt8]
  ) {
    self.testDescription = name
    self.opening = opening
    self.isError = isError
    self.round = round
  }

  static let all: [Flood] = [
    Flood("rapid reset, CVE-2023-44487") { number in
      let stream = 2 * number + 1
      return Frames.headers(stream) + Frames.frame(3, 0, stream, Frames.number(8))
    },
    Flood("CONTINUATION, CVE-2024-28182", opening: Frames.headers(1, [0x83], isWhole: false)) {
      _ in Frames.frame(9, 0, 1, [0x40, 1, 0x61, 1, 0x62])
    },
    Flood("PING, CVE-2019-9512") { _ in Frames.frame(6, 0, 0, Array(repeating: 0, count: 8)) },
    Flood("PING answers") { _ in Frames.frame(6, 1, 0, Array(repeating: 0, count: 8)) },
    Flood("SETTINGS, CVE-2019-9515") { _ in Frames.frame(4, 0, 0, []) },
    Flood("SETTINGS that move every window", opening: Frames.headers(1)) { number in
      Frames.frame(4, 0, 0, [0, 4] + Frames.number(number % 2 == 0 ? 0 : 65_535))
    },
    Flood("tiny window updates, CVE-2019-9511", opening: Frames.headers(1)) { _ in
      Frames.frame(8, 0, 1, Frames.number(1))
    },
    Flood("window updates of the connection") { _ in Frames.frame(8, 0, 0, Frames.number(1)) },
    Flood("empty DATA, CVE-2019-9518", opening: Frames.headers(1)) { _ in
      Frames.frame(0, 0, 1, [])
    },
    Flood("DATA of padding", opening: Frames.headers(1)) { _ in
      Frames.frame(0, 8, 1, [255] + Array(repeating: 0, count: 255))
    },
    Flood("one byte of a message at a time", opening: Frames.headers(1)) { number in
      Frames.frame(0, 0, 1, [[0], [0], [0x3f], [0], [0]][min(number, 4)])
    },
    Flood("PRIORITY, CVE-2019-9513") { number in
      Frames.frame(2, 0, 2 * number + 1, Frames.number(UInt32(2 * number + 3)) + [16])
    },
    Flood("HEADERS without fields") { Frames.headers(2 * $0 + 1, []) },
    Flood("requests that are none") { number in
      Frames.frame(1, 0x5, 2 * number + 1, [0x82, 0x87, 0x84])
    },
    Flood("MadeYouReset, CVE-2025-8671: no window", isError: true) { number in
      let stream = 2 * number + 1
      return Frames.headers(stream) + Frames.frame(8, 0, stream, Frames.number(0))
    },
    Flood("MadeYouReset, CVE-2025-8671: too much window") { number in
      let stream = 2 * number + 1
      return Frames.headers(stream) + Frames.frame(8, 0, stream, Frames.number(0x7fff_ffff))
    },
    Flood("MadeYouReset, CVE-2025-8671: depends on itself") { number in
      let stream = 2 * number + 1
      return Frames.headers(stream)
        + Frames.frame(2, 0, stream, Frames.number(UInt32(stream)) + [1])
    },
    Flood("unknown frames") { _ in
      Frames.frame(0xee, 0, 0, Array(repeating: 0, count: 16_384))
    },
    Flood("HPACK bomb, CVE-2016-6581", opening: Self.bombTable) { number in
      Frames.headers(2 * number + 3, Frames.fields() + Array(repeating: 0xbe, count: 4000))
    },
  ]

  /// A call with a field of 3000 bytes that the table keeps as its newest, 0xbe.
  private static var bombTable: [UInt8] {
    let value: [UInt8] = [0x7f, 0xb9, 0x16] + Array(repeating: 0x61, count: 3000)  // RFC 7541 5.1
    return Frames.headers(1, Frames.fields() + [0x40, 1, 0x61] + value)
  }
}
