/// What people want to know of a certificate.
package struct CertificateSummary: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable {
    case authority
    case server
    case user
    /// Of none of our kinds, or unreadable.
    case other
  }

  package enum State: String, Hashable, Sendable {
    case valid
    /// Valid, but renew it: less than a third of its life, and less than 30 days, are left.
    case expiring
    case expired
    case notYetValid
    case revoked
    /// Not signed by the authority in this folder.
    case foreign
    /// The file cannot be read as a certificate; `problem` says why.
    case unreadable
  }

  /// The file's name without `.crt`, or for one in `issued/` the name it was issued to.
  package let name: String
  package let path: String
  package let kind: Kind
  /// The URI, as `spiffe://worker.local/user/alice`; empty for servers.
  package let identity: String
  package let roles: [String]
  package let hosts: [String]
  /// As OpenSSL prints it: upper-case hexadecimal.
  package let serial: String
  /// As `p256` or `RSA 4096`.
  package let algorithm: String
  /// Seconds since 1970; `rfc3339` makes text of them.
  package let notBefore: Int64
  package let notAfter: Int64
  package let state: State
  package let problem: String?
}

/// Tells in which state certificates are, by one authority (or several in a rotation), its
/// revocations and one moment.
struct Judge {
  let authorities: [Certificate]
  var revocations: [RevocationList] = []
  let now: Int64

  func summary(of certificate: Certificate, name: String, path: String) -> CertificateSummary {
    let kind = self.kind(of: certificate)
    return CertificateSummary(
      name: name, path: path, kind: kind, identity: certificate.uris.first ?? "",
      roles: kind == .user ? certificate.organizations : [],
      hosts: certificate.hosts.map(\.text), serial: certificate.serial,
      algorithm: (try? certificate.key())?.summary ?? "unknown",
      notBefore: certificate.notBefore, notAfter: certificate.notAfter,
      state: self.state(of: certificate), problem: nil)
  }

  func unreadable(name: String, path: String, _ error: PKIError) -> CertificateSummary {
    CertificateSummary(
      name: name, path: path, kind: .other, identity: "", roles: [], hosts: [], serial: "",
      algorithm: "", notBefore: 0, notAfter: 0, state: .unreadable, problem: error.reason)
  }

  func kind(of certificate: Certificate) -> CertificateSummary.Kind {
    if certificate.isAuthority { return .authority }
    return switch (certificate.isForClients, certificate.isForServers) {
    case (true, false): .user
    case (false, true): .server
    default: .other
    }
  }

  func state(of certificate: Certificate) -> CertificateSummary.State {
    guard self.authorities.contains(where: { certificate.isSigned(by: $0) }) else {
      return .foreign
    }
    if self.revocations.contains(where: { $0.contains(certificate) }) { return .revoked }
    if self.now > certificate.notAfter { return .expired }
    if self.now < certificate.notBefore { return .notYetValid }
    let life = certificate.notAfter - certificate.notBefore
    let left = certificate.notAfter - self.now
    return left < min(life / 3, 30 * 86400) ? .expiring : .valid
  }
}
