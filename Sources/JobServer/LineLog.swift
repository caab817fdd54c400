import Glibc
import Linux
package import Logging

/// Writes one line an event to stderr: time, level, message, then `key=value` pairs.
package struct LineLog: LogHandler {
  package var metadataProvider: Logger.MetadataProvider?
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level
  private let write: @Sendable (String) -> Void

  package init(
    level: Logger.Level, write: @escaping @Sendable (String) -> Void = LineLog.writeToStderr
  ) {
    self.logLevel = level
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var line = "\(Self.text(Clock.wall())) \(event.level.rawValue) \(event.message)"
    let all = self.metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      line += " \(key)=\(Self.quoted("\(value)"))"
    }
    self.write(line + "\n")
  }

  /// The first bytes, in whole characters, of what users can make as long as they like.
  static func cut(_ text: String, to most: Int = 200) -> String {
    guard text.utf8.count > most else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: most)
    while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
    return text[..<end] + "…"
  }

  /// What users choose cannot begin a line or look like another pair.
  static func quoted(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy {
      $0.value > 0x20 && $0.value != 0x7f && $0 != "\"" && $0 != "=" && $0 != "\\"
    }
    if isPlain && !text.isEmpty { return text }
    return "\"" + text.unicodeScalars.map(Self.escaped).joined() + "\""
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    default:
      let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
      return isControl || scalar.value == 0x2028 || scalar.value == 0x2029
        ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
  }

  /// UTC with milliseconds, RFC 3339.
  static func text(_ wall: Int64) -> String {
    var seconds = time_t(wall / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func pad(_ number: some BinaryInteger, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let day = "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
    let time = "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec))"
    return "\(day)T\(time).\(pad(wall / 1_000_000 % 1000, 3))Z"
  }

  /// One write(2) a line, so that lines of several threads do not mix.
  package static let writeToStderr: @Sendable (String) -> Void = { line in
    let bytes = Array(line.utf8)
    // A log that cannot be written is no reason to stop serving.
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
