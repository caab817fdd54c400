package import GRPCNghttp2
import Linux
package import PKI

/// A certificate folder made for one test.
package final class TestCertificates: Sendable {
  package let folder: TemporaryDirectory

  /// With `server`, `admin`, and a user for each of `users`, by name and roles.
  package init(
    _ users: [String: [String]] = [:],
    trustDomain: String = CertificateAuthority.defaultTrustDomain,
    clock: PKIClock = .system
  ) throws {
    self.folder = try TemporaryDirectory()
    _ = try CertificateAuthority.initialize(
      folder: self.folder.path, trustDomain: trustDomain, clock: clock)
    for (name, roles) in users { try self.issue(name, roles: roles, clock: clock) }
  }

  package func issue(
    _ name: String, roles: [String], days: Int = 1, clock: PKIClock = .system
  ) throws {
    let authority = try CertificateAuthority(folder: self.folder.path, clock: clock)
    _ = try authority.issueUser(name: name, roles: roles, days: days)
  }

  /// What a server reads of it, as `worker serve` does.
  package var serverFiles: TLSConfiguration {
    var tls = self.tls("server")
    let list = self.folder.path("ca.crl")
    if File.exists(path: list) { tls.revocationList = list }
    return tls
  }

  /// Who `name` is, trusting this folder's authority or another's.
  package func tls(_ name: String, trusting other: TestCertificates? = nil) -> TLSConfiguration {
    TLSConfiguration(
      trustRoots: (other ?? self).folder.path("ca.crt"),
      certificateChain: self.folder.path("\(name).crt"), privateKey: self.folder.path("\(name).key")
    )
  }
}
