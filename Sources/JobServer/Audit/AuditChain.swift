import PKI

/// The chain through an audit file: each line ends with the hash of the line before it and its own, so
/// that a line that was changed, taken out or put in shows. What is missing at the end does not: keep
/// the last hash elsewhere to know.
package struct AuditChain: Hashable, Sendable {
  /// Of the last line; 64 zeros before the first.
  package private(set) var hash = AuditChain.nothing
  /// Of the last line; lines are counted from 1, through all files of a chain.
  package private(set) var sequence = 0

  package static let nothing = String(repeating: "0", count: 64)

  package init() {}

  /// Goes on behind a line.
  init(behind link: AuditLink) {
    self.hash = link.hash
    self.sequence = link.sequence
  }

  /// The entry as the next line.
  mutating func line(_ entry: AuditEntry, time: String) -> String {
    let head = entry.head(self.sequence + 1, time: time) + ",\"prev\":\"\(self.hash)\""
    self.sequence += 1
    self.hash = SHA256.hexadecimal(Array(head.utf8))
    return head + ",\"hash\":\"\(self.hash)\"}\n"
  }

  /// Whether `link` is the next line; its text was checked when it was read.
  package mutating func follow(_ link: AuditLink) throws(AuditBreak) {
    guard link.sequence == self.sequence + 1 else {
      throw AuditBreak(
        reason: "is number \(link.sequence) after \(self.sequence): lines are missing")
    }
    guard link.previous == self.hash else {
      throw AuditBreak(
        reason: "does not follow the line before it: that one was changed or replaced")
    }
    self = AuditChain(behind: link)
  }
}

/// Why something is no audit file, or none of ours.
package struct AuditBreak: Error, Hashable {
  package let reason: String
}

/// What one line says of the chain.
package struct AuditLink: Hashable, Sendable {
  package let sequence: Int
  package let previous: String
  package let hash: String

  /// Reads a line, without its newline, and checks it against its own hash.
  package init(_ line: some Collection<UInt8>) throws(AuditBreak) {
    let text = String(decoding: line, as: UTF8.self)
    let tail = 64 + "\",\"hash\":\"".utf8.count + 64 + "\"}".utf8.count
    let utf8 = text.utf8
    guard utf8.count > tail, text.hasPrefix("{\"seq\":"), text.hasSuffix("\"}"),
      let sequence = Int(text.dropFirst("{\"seq\":".count).prefix { $0 != "," })
    else { throw AuditBreak(reason: "is no line of an audit file") }
    let previous = utf8.dropFirst(utf8.count - tail).prefix(64)
    let hash = utf8.dropLast(2).suffix(64)
    let head = utf8.dropLast("\",\"hash\":\"".utf8.count - 1 + 64 + 2)
    self.sequence = sequence
    self.previous = String(decoding: Array(previous), as: UTF8.self)
    self.hash = String(decoding: Array(hash), as: UTF8.self)
    guard SHA256.hexadecimal(Array(head)) == self.hash else {
      throw AuditBreak(reason: "was changed: its hash is another one")
    }
  }
}
