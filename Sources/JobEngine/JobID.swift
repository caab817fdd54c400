/// A job's identifier: 16 hexadecimal digits, random, never used twice on a host.
public struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The digits, lower case.
  public let description: String

  /// Takes 16 hexadecimal digits; nil for anything else.
  public init?(_ text: String) {
    guard text.utf8.count == 16, text.utf8.allSatisfy(Self.isDigit) else { return nil }
    self.description = text
  }

  /// By the digits; says nothing about age.
  public static func < (left: JobID, right: JobID) -> Bool {
    left.description < right.description
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
