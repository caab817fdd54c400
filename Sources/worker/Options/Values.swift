import ArgumentParser
import Linux

/// What an option's value cannot be read as; the parser puts option and value in front.
struct ValueError: Error, Hashable, CustomStringConvertible {
  let description: String
}

/// The values that options take, from text.
enum Values {
  /// Bytes: `512`, `64K`, `256M`, `1.5G`; K, M and G are powers of 1024.
  static func size(_ text: String) throws -> Int64 {
    let hint = "give bytes, or a number with K, M or G as 256M"
    var number = Substring(text)
    var unit: Int64 = 1
    let units: [Character: Int64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    if let last = number.last, let found = units[last] {
      unit = found
      number = number.dropLast()
    }
    guard let value = self.decimal(number) else { throw ValueError(description: hint) }
    let tooLarge = ValueError(description: "is too large; \(hint)")
    // Whole numbers exactly, beyond the 53 bits of a Double too.
    if let whole = Int64(number) {
      let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
      if overflow { throw tooLarge }
      return product
    }
    let bytes = value * Double(unit)
    guard bytes < 0x1p63 else { throw tooLarge }
    guard bytes == bytes.rounded() || unit > 1 else { throw ValueError(description: hint) }
    return Int64(bytes)
  }

  /// A time: `500ms`, `30s`, `1.5m`, `2h`, `7d`.
  static func duration(_ text: String) throws -> Duration {
    let hint = "give a number with ms, s, m, h or d, as 30s"
    let units: [(String, Double)] = [
      ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    guard let (suffix, unit) = units.first(where: { text.hasSuffix($0.0) }),
      let value = self.decimal(text.dropLast(suffix.count))
    else { throw ValueError(description: hint) }
    let milliseconds = value * unit
    guard milliseconds < 3.2e12 else {
      throw ValueError(description: "is longer than 100 years; \(hint)")
    }
    return .nanoseconds(Int64((milliseconds * 1_000_000).rounded()))
  }

  /// Anything but nothing, which would be taken for an option that was left out.
  static func text(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValueError(description: "is empty: leave the option out") }
    return text
  }

  /// Digits; below zero is for who knows the least to say.
  static func whole(_ text: String) throws -> Int64 {
    guard let value = Int64(text) else { throw ValueError(description: "give a whole number") }
    return value
  }

  /// Cores, as 1.5.
  static func cores(_ text: String) throws -> Double {
    guard let value = self.decimal(Substring(text)) else {
      throw ValueError(description: "give a number of cores, as 1.5")
    }
    return value
  }

  /// Processors, as `0-3,6`; what the list means is for the server to say.
  static func processors(_ text: String) throws -> String {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) || "-,".utf8.contains($0) })
    else { throw ValueError(description: "give a list of processors, as 0-3,6") }
    return text
  }

  /// `KEY=VALUE`.
  static func pair(_ text: String) throws -> Pair {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ValueError(description: "give KEY=VALUE")
    }
    return Pair(
      key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
  }

  /// The signal's name, as `TERM`; takes numbers and `SIGTERM` too.
  static func signal(_ text: String) throws -> String {
    guard let signal = Signal(text) else {
      throw ValueError(description: "give a signal's name as TERM, or its number")
    }
    return signal.name
  }

  /// Digits with at most one point: no sign, no exponent, no `nan`.
  private static func decimal(_ text: Substring) -> Double? {
    guard text.utf8.first.map({ (48...57).contains($0) }) == true,
      text.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: ".") })
    else { return nil }
    return Double(text)
  }
}

/// A key with a value.
struct Pair: Hashable, Sendable {
  let key: String
  let value: String
}

extension [Pair] {
  /// As the API has them; of two with one key the last counts.
  var dictionary: [String: String] {
    Dictionary(self.map { ($0.key, $0.value) }) { $1 }
  }
}
