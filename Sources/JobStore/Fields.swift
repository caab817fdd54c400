import Linux

/// The form of the small files of a job: `key=value` pairs, each ended by a NUL.
///
/// DESIGN: the form of environ(5). No value of ours can hold a NUL (program arguments, paths and the
/// kernel's files cannot), so nothing is escaped, order and repetition are kept, and
/// `tr '\0' '\n' < file` shows it. The first pair names kind and version, the last is `end=` and the
/// checksum of all before it: a file without it was cut short, and one that it does not fit was damaged;
/// both are refused.
package struct Fields: Hashable, Sendable {
  package struct Pair: Hashable, Sendable {
    package let key: String
    package let value: String
  }

  package private(set) var pairs: [Pair] = []

  package init() {}

  package mutating func append(_ key: String, _ value: String) {
    self.pairs.append(Pair(key: key, value: value))
  }

  package mutating func append(_ key: String, _ value: (some CustomStringConvertible)?) {
    if let value { self.append(key, value.description) }
  }

  /// Appends a pair for each value, in order.
  package mutating func append(_ key: String, all values: [some CustomStringConvertible]) {
    for value in values { self.append(key, value.description) }
  }

  /// The first value of `key`.
  package subscript(key: String) -> String? {
    self.pairs.first { $0.key == key }?.value
  }

  /// Every value of `key`, in order.
  package func all(_ key: String) -> [String] {
    self.pairs.filter { $0.key == key }.map(\.value)
  }

  package func number<Number: FixedWidthInteger>(_ key: String) -> Number? {
    self[key].flatMap { Number($0) }
  }

  /// The number at `key`, or an error that names it.
  package func required<Number: FixedWidthInteger>(
    _ key: String
  ) throws(StoreError) -> Number {
    guard let number: Number = self.number(key) else { throw .malformed("no number at '\(key)'") }
    return number
  }
}

extension Fields {
  package func encoded(kind: String) -> [UInt8] {
    var bytes: [UInt8] = []
    self.write("worker-\(kind)", Self.version, into: &bytes)
    for pair in self.pairs { self.write(pair.key, pair.value, into: &bytes) }
    self.write(Self.end, Self.checksum(bytes, count: bytes.count), into: &bytes)
    return bytes
  }

  package init(_ bytes: [UInt8], kind: String) throws(StoreError) {
    guard bytes.last == 0 else { throw .malformed("\(kind): cut short") }
    for part in bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else {
        throw .malformed("\(kind): a pair without '='")
      }
      let key = String(decoding: part[..<equals], as: UTF8.self)
      self.append(key, String(decoding: part[part.index(after: equals)...], as: UTF8.self))
    }
    guard self.pairs.first == Pair(key: "worker-\(kind)", value: Self.version) else {
      throw .malformed("\(kind): not a '\(kind)' file of version \(Self.version)")
    }
    guard let last = self.pairs.last, last.key == Self.end else {
      throw .malformed("\(kind): cut short")
    }
    let checked = bytes.dropLast().lastIndex(of: 0).map { $0 + 1 } ?? 0
    guard last.value == Self.checksum(bytes, count: checked) else {
      throw .malformed("\(kind): wrong checksum")
    }
    self.pairs.removeFirst()
    self.pairs.removeLast()
  }

  private static let version = "2"
  private static let end = "end"

  /// CRC-32C of the first `count` bytes, as 8 hexadecimal digits.
  private static func checksum(_ bytes: [UInt8], count: Int) -> String {
    let digits = String(Checksum.crc32c(bytes, 0..<count), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  private func write(_ key: String, _ value: String, into bytes: inout [UInt8]) {
    bytes += key.utf8
    bytes.append(UInt8(ascii: "="))
    bytes += value.utf8.filter { $0 != 0 }
    bytes.append(0)
  }
}
