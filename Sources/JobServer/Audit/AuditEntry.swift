/// One line of the audit file, before it is chained.
package struct AuditEntry: Hashable, Sendable {
  package enum Event: String, Hashable, Sendable {
    /// A file begins, or is written to again after a restart.
    case opened
    /// The file goes on under another name; the next one links to this line.
    case rotated
    /// The server has ended in order.
    case closed
    /// Lines could not be written before this one: `count` says how many.
    case lost
    /// A call was allowed or refused.
    case decision
    /// A job's program was executed.
    case started
    /// A job has ended.
    case ended
    /// Certificates, policy and the like were read again, or not.
    case reloaded
  }

  package var event: Event
  /// NAME of the certificate; for a job's events its owner.
  package var identity = ""
  /// Of the certificate.
  package var serial = ""
  /// Where the call came from.
  package var peer = ""
  package var method = ""
  package var job = ""
  /// SHA-256 of the spec as it was sent.
  package var spec = ""
  /// `allowed` or `refused`.
  package var decision = ""
  package var reason = ""
  package var count = 0

  package init(_ event: Event) { self.event = event }
}

extension AuditEntry {
  /// `{"seq":7,"time":"…","event":"decision",…`, without an end: the chain puts its links there.
  func head(_ sequence: Int, time: String) -> String {
    var text = "{\"seq\":\(sequence),\"time\":\"\(time)\",\"event\":\"\(self.event.rawValue)\""
    for (name, value) in [
      ("identity", self.identity), ("serial", self.serial), ("peer", self.peer),
      ("method", self.method), ("job", self.job), ("spec", self.spec),
      ("decision", self.decision), ("reason", self.reason),
    ] where !value.isEmpty {
      // Cut, as some of it is the caller's, and a line has to have an end.
      text += ",\"\(name)\":\"\(Self.escaped(LineLog.cut(value, to: 1000)))\""
    }
    if self.count > 0 { text += ",\"count\":\(self.count)" }
    return text
  }

  /// A JSON text, RFC 8259 section 7.
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": escaped += "\\\""
      case "\\": escaped += "\\\\"
      default:
        // The separators of lines too, as not every reader takes them for text.
        let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
        if isControl || scalar.value == 0x2028 || scalar.value == 0x2029 {
          let digits = String(scalar.value, radix: 16)
          escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          escaped.unicodeScalars.append(scalar)
        }
      }
    }
    return escaped
  }
}
