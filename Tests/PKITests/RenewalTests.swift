import Testing

@testable import PKI

@Suite struct RenewalTests {
  private let start: Int64 = 1_800_000_000

  private func later(_ folder: TemporaryFolder, days: Int64) throws -> CertificateAuthority {
    try CertificateAuthority(
      folder: folder.file("certs"), clock: .fixed(self.start + days * day))
  }

  @Test func anExpiredUserIsRenewedWithTheSameKey() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder, clock: .fixed(self.start))
    let old = try ca.issueUser(name: "alice", roles: ["user", "viewer"])
    let key = folder.read("certs/alice.key")
    let new = try self.later(folder, days: 100).renew(name: "alice")
    #expect(new.summary.notAfter == self.start + 190 * day)
    #expect(new.summary.roles == ["user", "viewer"])
    #expect(new.summary.identity == old.summary.identity)
    #expect(new.summary.serial != old.summary.serial)
    #expect(new.keyPath == nil)
    #expect(folder.read("certs/alice.key") == key)
    #expect(
      try load("alice.crt", in: folder).matches(
        Key(file: "alice.key", in: CertificateFolder(opening: folder.file("certs")))))
  }

  @Test func aServerKeepsItsHosts() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder, clock: .fixed(self.start))
    let old = try ca.issueServer(name: "node1", hosts: ["node1.example", "10.0.0.1"])
    let new = try self.later(folder, days: 10).renew(name: "node1", days: 20)
    #expect(new.summary.hosts == old.summary.hosts)
    #expect(new.summary.notAfter == self.start + 30 * day)
    #expect(new.summary.kind == .server)
  }

  @Test func aNewKeyOnDemandIsOfTheSameKind() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = try ca.issueUser(name: "alice", roles: ["user"], algorithm: .ed25519)
    let key = folder.read("certs/alice.key")
    let new = try ca.renew(name: "alice", newKey: true)
    #expect(new.keyPath == folder.file("certs/alice.key"))
    #expect(new.summary.algorithm == "ed25519")
    #expect(folder.read("certs/alice.key") != key)
    #expect(folder.mode("certs/alice.key") == 0o600)
  }

  @Test func theRevokedAreNotRenewed() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = try ca.revoke(name: "admin")
    let error = try failure { _ = try ca.renew(name: "admin") }
    #expect(error.reason == "is revoked; issue admin anew, with --force")
    _ = try ca.issueUser(name: "admin", roles: ["admin"], overwrite: true)
    #expect(
      try summaries(folder: folder.file("certs")).first { $0.name == "admin" }?.state == .valid)
  }

  @Test func anotherAuthoritysCertificateIsNotRenewed() throws {
    let folder = try TemporaryFolder()
    let other = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    try makeAuthority(in: other)
    try folder.write(other.read("certs/admin.crt"), to: "certs/admin.crt")
    let error = try failure { _ = try ca.renew(name: "admin") }
    #expect(error.reason == "was not signed by this authority")
  }

  @Test func aCertificateUnderAnotherNameIsNotRenewed() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    try folder.write(folder.read("certs/admin.crt"), to: "certs/alice.crt")
    let error = try failure { _ = try ca.renew(name: "alice") }
    #expect(error.reason == "was not issued to alice")
  }

  @Test func aCertificateThatIsNotThereIsNotRenewed() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let error = try failure { _ = try ca.renew(name: "alice") }
    #expect(error.reason == "is not there: worker pki issue makes one")
  }

  @Test func aCertificateBesideAnotherKeyIsNotRenewed() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    try folder.write(folder.read("certs/server.key"), to: "certs/admin.key", mode: 0o600)
    let error = try failure { _ = try ca.renew(name: "admin") }
    #expect(error.reason.hasPrefix("does not fit \(folder.file("certs/admin.key"))"))
  }
}
