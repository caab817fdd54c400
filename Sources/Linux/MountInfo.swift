/// One line of /proc/PID/mountinfo, see proc(5).
package struct MountInfo: Hashable, Sendable {
  /// `MAJOR:MINOR` of the file system.
  package var device: String
  /// The folder of the file system that is mounted.
  package var root: String
  package var mountPoint: String
  /// Of this mount, as `rw` and `nosuid`.
  package var options: [String]
  package var type: String
  /// What was mounted, as `/dev/sda1`.
  package var source: String
  /// Of the file system, as `rw` and `upperdir=/x`.
  package var superOptions: [String]

  /// Every line that makes sense, in order.
  package static func parse(_ text: String) -> [MountInfo] {
    text.split(separator: "\n").compactMap(Self.init(line:))
  }

  /// The mount that shows `path`: the deepest, and of several on one place the last.
  package static func showing(_ path: String, in mounts: [MountInfo]) -> MountInfo? {
    var found: MountInfo?
    for mount in mounts where mount.shows(path) {
      if mount.mountPoint.utf8.count >= found?.mountPoint.utf8.count ?? 0 { found = mount }
    }
    return found
  }

  private func shows(_ path: String) -> Bool {
    self.mountPoint == "/" || path == self.mountPoint || path.hasPrefix(self.mountPoint + "/")
  }

  init?(line: Substring) {
    let fields = line.split(separator: " ", omittingEmptySubsequences: false)
    // Optional fields end with a lone dash; type, source and options follow it.
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3
    else { return nil }
    self.device = String(fields[2])
    self.root = Self.unescaped(fields[3])
    self.mountPoint = Self.unescaped(fields[4])
    self.options = fields[5].split(separator: ",").map(String.init)
    self.type = String(fields[dash + 1])
    self.source = Self.unescaped(fields[dash + 2])
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
