import Linux
import Logging
import TestSupport

/// A log line with one value.
enum LogLines {
  static func write(_ value: String, to lines: Lock<[String]>) {
    let log = Logger.lines { line in lines.withLock { $0.append(line) } }
    log.info("message", metadata: ["key": "\(value)"])
  }
}
