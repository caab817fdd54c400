/// A line whose number and hash are known from elsewhere, `NUMBER:HASH`: what makes a chain without a
/// key a proof.
package struct AuditAnchor: Hashable, Sendable {
  package let sequence: Int
  package let hash: String

  /// Nil: it has another form.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let sequence = Int(parts[0]), sequence > 0, parts[1].utf8.count == 64,
      parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    self.sequence = sequence
    self.hash = String(parts[1])
  }
}
