/// The value of `grpc-timeout`: up to eight digits and a unit.
enum TimeoutCoding {
  /// In nanoseconds, saturating; nil when it is malformed.
  static func decode(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard (2...9).contains(bytes.count), let last = bytes.last else { return nil }
    var amount: Int64 = 0
    for digit in bytes.dropLast() {
      guard (0x30...0x39).contains(digit) else { return nil }
      amount = amount * 10 + Int64(digit - 0x30)
    }
    guard let unit = Self.nanoseconds(last) else { return nil }
    let (product, overflow) = amount.multipliedReportingOverflow(by: unit)
    return overflow ? .max / 2 : min(product, .max / 2)
  }

  private static func nanoseconds(_ unit: UInt8) -> Int64? {
    switch unit {
    case UInt8(ascii: "H"): 3_600_000_000_000
    case UInt8(ascii: "M"): 60_000_000_000
    case UInt8(ascii: "S"): 1_000_000_000
    case UInt8(ascii: "m"): 1_000_000
    case UInt8(ascii: "u"): 1_000
    case UInt8(ascii: "n"): 1
    default: nil
    }
  }
}
