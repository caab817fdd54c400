/// One line of /proc/PID/mountinfo, see proc(5).
package struct MountInfo: Hashable, Sendable {
  /// `MAJOR:MINOR` of the file system.
  package var device: String
  /// The folder of the file system that is mounted.
  package var root: String
  package var mountPoint: String
  package var type: String
  package var superOptions: [String]

  /// Every line that makes sense, in order.
  package static func parse(_ text: String) -> [MountInfo] {
    text.split(separator: "\n").compactMap(Self.init(line:))
  }

  init?(line: Substring) {
    let fields = line.split(separator: " ", omittingEmptySubsequences: false)
    // Optional fields end with a lone dash; type, source and options follow it.
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3
    else { return nil }
    self.device = String(fields[2])
    self.root = Self.unescaped(fields[3])
    self.mountPoint = Self.unescaped(fields[4])
    self.type = String(fields[dash + 1])
    self.superOptions = fields[dash + 3].split(separator: ",").map(String.init)
  }

  /// Space, tab, newline and backslash are written as three octal digits.
  private static func unescaped(_ text: Substring) -> String {
    guard text.contains("\\") else { return String(text) }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let code = rest.prefix(3)
      guard byte == UInt8(ascii: "\\"), code.count == 3,
        let value = UInt8(String(decoding: code, as: UTF8.self), radix: 8)
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(value)
      rest = rest.dropFirst(3)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
