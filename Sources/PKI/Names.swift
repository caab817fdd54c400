/// The rules for the names that end up in certificates and in file names.
enum Names {
  static let longest = 63

  /// A user: also the last segment of the SPIFFE ID and the stem of two file names.
  static func checkUser(_ name: String) throws(PKIError) {
    try self.check(name, "user name")
    if name == "ca" || name == "server" {
      throw PKIError(
        what: "user name \"\(name)\"", reason: "is kept for \(name).crt, choose another")
    }
  }

  /// A server, or anything that was issued already, which may be either.
  static func checkLeaf(_ name: String, _ kind: String = "name") throws(PKIError) {
    try self.check(name, kind)
    if name == "ca" {
      throw PKIError(what: "\(kind) \"ca\"", reason: "is kept for ca.crt, choose another")
    }
  }

  /// The roles without repetition, in the order given.
  static func roles(_ roles: [String]) throws(PKIError) -> [String] {
    guard !roles.isEmpty else {
      throw PKIError(
        what: "role", reason: "none is given, and a user without a role may do nothing")
    }
    var unique: [String] = []
    for role in roles where !unique.contains(role) {
      try self.check(role, "role")
      unique.append(role)
    }
    return unique
  }

  /// A trust domain as SPIFFE-ID section 2.1 has it.
  static func checkTrustDomain(_ domain: String) throws(PKIError) {
    let what = "trust domain \"\(domain)\""
    guard (1...255).contains(domain.utf8.count) else {
      throw PKIError(what: what, reason: "must have 1 to 255 characters")
    }
    guard domain.utf8.allSatisfy({ self.isPlain($0) && !UInt8.upper.contains($0) }) else {
      throw PKIError(what: what, reason: "only lower-case letters, digits and . _ - are allowed")
    }
    if domain.hasPrefix(".") || domain.hasSuffix(".") {
      throw PKIError(what: what, reason: "must not begin or end with a dot")
    }
  }

  /// Letters, digits, `.`, `_` and `-` of ASCII: safe in a file name, a URI and a shell alike.
  static func isPlain(_ byte: UInt8) -> Bool {
    UInt8.lower.contains(byte) || UInt8.upper.contains(byte) || UInt8.digits.contains(byte)
      || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
  }

  private static func check(_ name: String, _ kind: String) throws(PKIError) {
    let what = "\(kind) \"\(name)\""
    guard !name.isEmpty else { throw PKIError(what: kind, reason: "is empty") }
    guard name.utf8.allSatisfy(self.isPlain) else {
      throw PKIError(what: what, reason: "only letters, digits and . _ - are allowed")
    }
    guard name.utf8.count <= self.longest else {
      throw PKIError(
        what: what, reason: "has \(name.utf8.count) characters, at most \(self.longest) are allowed"
      )
    }
    // A leading dot hides the file (and makes `..`), a leading dash makes it a flag.
    if name.hasPrefix(".") || name.hasPrefix("-") {
      throw PKIError(what: what, reason: "must begin with a letter, a digit or _")
    }
  }
}

extension UInt8 {
  static let lower = UInt8(ascii: "a")...UInt8(ascii: "z")
  static let upper = UInt8(ascii: "A")...UInt8(ascii: "Z")
  static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
}
