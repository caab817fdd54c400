import ArgumentParser
import GRPCNghttp2
import Glibc
import JobClient
import Linux
import TestSupport
import Testing

@testable import worker

/// Which certificate a client takes.
@Suite struct CertificateFolderTests {
  static func folder(_ names: [String]) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for name in names { try folder.write(name) }
    return folder
  }

  @Test func theOnlyIdentityIsTaken() throws {
    let folder = try Self.folder([
      "ca.crt", "ca.key", "server.crt", "server.key", "alice.crt", "alice.key", "bob.crt", "x.key",
    ])
    let files = try CertificateFiles(folder.path)
    #expect(files.identities == ["alice"])
    #expect(try files.identity(nil) == "alice")
    let tls = try files.tls("alice")
    #expect(tls.certificateChain == folder.path("alice.crt"))
    #expect(tls.revocationList == nil)
  }

  @Test func severalAreListedAndOneCanBeChosen() throws {
    let folder = try Self.folder(["ca.crt", "a.crt", "a.key", "b.crt", "b.key", "ca.crl"])
    let files = try CertificateFiles(folder.path)
    let failure = #expect(throws: Failure.self) { try files.identity(nil) }
    #expect(failure?.description.contains("a, b") == true)
    #expect(try files.identity("b") == "b")
    #expect(try files.tls("b").revocationList == folder.path("ca.crl"))
  }

  @Test func aRevocationListIsFoundOnceItIsThere() throws {
    let folder = try Self.folder(["ca.crt", "server.crt", "server.key"])
    #expect(try CertificateFiles(folder.path).tls("server").revocationList == nil)
    try folder.write("ca.crl")
    #expect(
      try CertificateFiles(folder.path).tls("server").revocationList == folder.path("ca.crl"))
  }

  @Test func certificatesOfServersAreNoIdentities() throws {
    let certificates = try TestCertificates()
    let files = try CertificateFiles(certificates.folder.path)
    #expect(try files.identity(nil) == "admin")
    #expect(try files.trustDomain() == "worker.local")
  }

  @Test(arguments: ["carol", "../alice", ""]) func unknownNamesAreRefused(_ name: String) throws {
    let folder = try Self.folder(["ca.crt", "alice.crt", "alice.key"])
    let files = try CertificateFiles(folder.path)
    let failure = #expect(throws: Failure.self) { try files.identity(name) }
    #expect(failure?.description.contains("alice") == true)
    #expect(failure?.code == 125)
  }

  @Test func whatIsMissingIsNamed() throws {
    let folder = try Self.folder(["alice.crt", "alice.key"])
    let failure = #expect(throws: Failure.self) {
      try CertificateFiles(folder.path).tls("alice")
    }
    #expect(failure?.description.hasPrefix("no ca.crt in \(folder.path): copy it") == true)
  }

  @Test func theHomeFolderIsSearched() throws {
    let home = try TemporaryDirectory()
    let nothing = Environment { $0 == "HOME" ? home.path : nil }
    #expect(throws: Failure.self) { try CertificateSearch(nothing).client("/no/such/folder") }
    let failure = #expect(throws: Failure.self) { try CertificateSearch(nothing).client(nil) }
    #expect(failure?.description.contains("\(home.path)/.config/worker") == true)
  }

  /// It may hold the identity: to say that there is none would send people to make another.
  @Test func aPlaceThatCannotBeReadIsNamedWithTheReason() throws {
    let home = try TemporaryDirectory()
    try File.makeFolders(home.path(".config"))
    #expect(symlink("worker", home.path(".config/worker")) == 0)
    let environment = Environment { $0 == "HOME" ? home.path : nil }
    let failure = #expect(throws: Failure.self) { try CertificateSearch(environment).client(nil) }
    #expect(
      failure?.description == "cannot read the certificate folder \(home.path)/.config/worker: "
        + "Too many levels of symbolic links")
  }

  @Test func environmentIsTheFallbackOfOptions() throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    let environment = Environment {
      [
        "WORKER_SERVER": "127.0.0.1:1", "WORKER_CERTS": certificates.folder.path,
        "WORKER_IDENTITY": "alice",
      ][$0]
    }
    let fromEnvironment = try ConnectionOptions.parse([]).resolve(environment)
    #expect(fromEnvironment.server.port == 1)
    #expect(fromEnvironment.tls.certificateChain == certificates.folder.path("alice.crt"))
    let given = try ConnectionOptions.parse(
      ["--server", "127.0.0.1:2", "--identity", "admin", "--connect-timeout", "3s"]
    ).resolve(environment)
    #expect(given.server.port == 2 && given.connectTimeout == .seconds(3))
    #expect(given.tls.certificateChain == certificates.folder.path("admin.crt"))
  }
}
