import COpenSSL
import Testing

@testable import PKI

@Suite struct RevocationTests {
  @Test func everyCertificateOfAUserIsTakenBack() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let first = try ca.issueUser(name: "alice", roles: ["user"])
    let second = try ca.issueUser(name: "alice", roles: ["user"], overwrite: true)
    let bob = try ca.issueUser(name: "bob", roles: ["user"])
    let revocation = try ca.revoke(name: "alice")
    #expect(revocation.listPath == folder.file("certs/ca.crl"))
    #expect(
      Set(revocation.revoked.map(\.serial)) == [first.summary.serial, second.summary.serial])
    #expect(revocation.revoked.map(\.state) == [.revoked, .revoked])
    let states = try summaries(folder: folder.file("certs")).reduce(into: [:]) {
      $0[$1.serial] = $1.state
    }
    #expect(states[first.summary.serial] == .revoked)
    #expect(states[second.summary.serial] == .revoked)
    #expect(states[bob.summary.serial] == .valid)
  }

  /// So that nobody is told to revoke it once more.
  @Test func aRevokedCertificateThatIsReplacedIsCalledRevoked() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = try ca.issueUser(name: "alice", roles: ["user"])
    _ = try ca.revoke(name: "alice")
    let second = try ca.issueUser(name: "alice", roles: ["user"], overwrite: true)
    #expect(second.replaced?.state == .revoked && second.summary.state == .valid)
  }

  @Test func revokingAgainChangesNothing() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    #expect(try ca.revoke(name: "admin").revoked.count == 1)
    let before = folder.read("certs/ca.crl")
    #expect(try ca.revoke(name: "admin").revoked.isEmpty)
    #expect(folder.read("certs/ca.crl") == before)
  }

  @Test func oneCertificateCanBeTakenBackByItsSerial() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let first = try ca.issueUser(name: "alice", roles: ["user"])
    let second = try ca.issueUser(name: "alice", roles: ["user"], overwrite: true)
    let revocation = try ca.revoke(serial: first.summary.serial.lowercased())
    #expect(revocation.revoked.map(\.serial) == [first.summary.serial])
    let all = try summaries(folder: folder.file("certs"))
    #expect(all.first { $0.serial == second.summary.serial }?.state == .valid)
  }

  @Test func anUnknownNameIsAnErrorAndWritesNoList() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let error = try failure { _ = try ca.revoke(name: "nobody") }
    #expect(error.reason == "no such certificate of this authority")
    #expect(!folder.names().contains("certs/ca.crl"))
  }

  @Test func aFolderThatLostItsCopiesStillRevokes() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = shell("rm -r '\(folder.file("certs/issued"))'")
    #expect(try ca.revoke(name: "admin").revoked.count == 1)
  }

  @Test func aForeignListIsNotBuiltUpon() throws {
    let folder = try TemporaryFolder()
    let other = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = try makeAuthority(in: other).revoke(name: "admin")
    try folder.write(other.read("certs/ca.crl"), to: "certs/ca.crl")
    let error = try failure { _ = try ca.revoke(name: "admin") }
    #expect(error.reason == "is not signed by the authority of this folder")
    #expect(throws: PKIError.self) { try summaries(folder: folder.file("certs")) }
  }

  @Test func listsAreNumberedUpwards() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    for (name, number) in [("admin", Int64(1)), ("server", 2)] {
      _ = try ca.revoke(name: name)
      let list = try #require(
        try RevocationList.all(
          in: CertificateFolder(opening: folder.file("certs")), signedBy: ca.trusted
        ).first)
      let raw = try #require(X509_CRL_get_ext_d2i(list.pointer, NID_crl_number, nil, nil))
      let integer = raw.assumingMemoryBound(to: ASN1_INTEGER.self)
      defer { ASN1_INTEGER_free(integer) }
      #expect(ASN1_INTEGER_get(integer) == Int(number))
      #expect(seconds(X509_CRL_get0_nextUpdate(list.pointer)) == ca.notAfter)
    }
  }
}
