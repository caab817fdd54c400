/// A private authority in a folder: `ca.crt` (in a rotation among others), `ca.key`, what it issued,
/// and `ca.crl` once something was revoked.
///
/// DESIGN: the folder is the whole state. Every action opens it, takes its lock, reads, makes
/// everything in memory, writes complete files under temporary names, and renames them. `issued/`
/// keeps a copy of every certificate ever signed, so that revoking a user hits the certificates that
/// were replaced or handed out, too, and not only the file that happens to lie there.
package struct CertificateAuthority {
  package static let defaultTrustDomain = "worker.local"

  package let folder: String
  /// From the authority's certificate, so that no action needs to be told again.
  package let trustDomain: String
  /// Until when it can sign, in seconds since 1970.
  package var notAfter: Int64 { self.certificate.notAfter }

  let certificate: Certificate
  /// All of `ca.crt`: in a rotation the other authority too.
  let trusted: [Certificate]
  let key: Key
  let clock: PKIClock

  /// Opens the authority in `folder`; it needs `ca.crt` and `ca.key`.
  package init(folder location: String, clock: PKIClock = .system) throws(PKIError) {
    let folder = try CertificateFolder(opening: location)
    let key = try Key(file: FileName.authorityKey, in: folder)
    let path = folder.path(FileName.authority)
    let all = try Certificate.all(inFile: FileName.authority, of: folder)
    guard let certificate = all.first(where: { $0.matches(key) }) else {
      throw PKIError(
        what: "open", path: path,
        reason: "no certificate in it fits \(folder.path(FileName.authorityKey))")
    }
    guard certificate.isAuthority else {
      throw PKIError(what: "open", path: path, reason: "is not an authority's (CA:TRUE is missing)")
    }
    guard let trustDomain = SPIFFEID.trustDomain(of: certificate) else {
      throw PKIError(
        what: "open", path: path, reason: "names no trust domain (URI spiffe://DOMAIN)")
    }
    self.init(
      folder: location, trustDomain: trustDomain, certificate: certificate, trusted: all, key: key,
      clock: clock)
  }

  init(
    folder: String, trustDomain: String, certificate: Certificate, trusted: [Certificate],
    key: Key, clock: PKIClock
  ) {
    self.folder = folder
    self.trustDomain = trustDomain
    self.certificate = certificate
    self.trusted = trusted
    self.key = key
    self.clock = clock
  }

  /// Signs a leaf for `subject`'s public half.
  func sign(
    _ usage: CertificateTemplate.Usage, _ commonName: String, roles: [String] = [],
    names: [SubjectName], days: Int, subject: Key
  ) throws(PKIError) -> Certificate {
    let validity = try Validity(days: days, from: self.clock.now())
    let now = self.clock.now()
    guard now < self.notAfter else {
      throw PKIError(
        what: "sign with", path: "\(self.folder)/\(FileName.authority)",
        reason: "it expired on \(rfc3339(self.notAfter)), make a new authority")
    }
    guard now >= self.certificate.notBefore else {
      throw PKIError(
        what: "sign with", path: "\(self.folder)/\(FileName.authority)",
        reason: "it begins on \(rfc3339(self.certificate.notBefore)), but this machine's clock says"
          + " \(rfc3339(now))")
    }
    let template = CertificateTemplate(
      usage: usage, commonName: commonName, roles: roles, names: names,
      notBefore: validity.notBefore,
      // A chain ends with its authority anyway; this way the leaf says so, and warnings come true.
      notAfter: min(validity.notAfter, self.notAfter))
    return try template.signed(subject: subject, issuer: self.certificate, key: self.key)
  }
}

/// The names of the files in a certificate folder.
enum FileName {
  static let authority = "ca.crt"
  static let authorityKey = "ca.key"
  static let revocations = "ca.crl"
  static let issued = "issued"

  static func certificate(_ name: String) -> String { "\(name).crt" }
  static func key(_ name: String) -> String { "\(name).key" }
}

/// How long certificates live unless asked otherwise, in days.
package struct Lifetimes: Hashable, Sendable {
  package var authority = 3650
  package var server = 365
  package var user = 90

  package init() {}
}

struct Validity {
  let notBefore: Int64
  let notAfter: Int64

  init(days: Int, from now: Int64) throws(PKIError) {
    guard (1...36500).contains(days) else {
      throw PKIError(what: "days \(days)", reason: "must be between 1 and 36500")
    }
    // A peer's clock may be a little behind ours.
    self.notBefore = now - 300
    self.notAfter = now + Int64(days) * 86400
  }
}

/// SPIFFE IDs, as SPIFFE-ID section 2 and X509-SVID section 2 define them.
enum SPIFFEID {
  static func authority(_ trustDomain: String) -> String { "spiffe://\(trustDomain)" }

  static func user(_ name: String, _ trustDomain: String) -> String {
    "spiffe://\(trustDomain)/user/\(name)"
  }

  static func trustDomain(of authority: Certificate) -> String? {
    let prefix = "spiffe://"
    guard let uri = authority.uris.first(where: { $0.hasPrefix(prefix) }) else { return nil }
    let domain = String(uri.dropFirst(prefix.count))
    return (try? Names.checkTrustDomain(domain)) == nil ? nil : domain
  }
}
