import Linux
import TestSupport
import Testing

@testable import PKI

/// Files that somebody else has made: understood or refused, and nothing ends the process.
@Suite(.serialized, .requiresOpenSSL) struct FuzzTests {
  @Test func anyRequestIsUnderstoodOrRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.csr")
    let made = shell(
      "openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=x"
        + " -keyout '\(folder.file("a.key"))' -out '\(path)'")
    #expect(made.status == 0, "\(made.output)")
    try Self.fuzz("a.csr", in: folder) { _ = try? CertificateRequest(file: path) }
  }

  @Test func anyCertificateOfAFolderIsUnderstoodOrRefused() throws {
    try Self.fuzzFolder("ca.crt")
  }

  @Test func anyKeyOfAFolderIsUnderstoodOrRefused() throws { try Self.fuzzFolder("ca.key") }

  @Test func anyRevocationListOfAFolderIsUnderstoodOrRefused() throws {
    try Self.fuzzFolder("ca.crl")
  }

  private static func fuzzFolder(_ name: String) throws {
    let folder = try TemporaryFolder()
    _ = try CertificateAuthority.initialize(folder: folder.path)
    _ = try CertificateAuthority(folder: folder.path).revoke(name: "admin")
    try Self.fuzz(name, in: folder) {
      _ = try? CertificateAuthority(folder: folder.path)
      if let opened = try? CertificateFolder(opening: folder.path) {
        let all = (try? Certificate.all(inFile: "ca.crt", of: opened)) ?? []
        _ = try? RevocationList.all(in: opened, signedBy: all)
        _ = try? Key(file: "ca.key", in: opened)
      }
    }
  }

  private static func fuzz(
    _ name: String, in folder: TemporaryFolder, _ body: () -> Void
  ) throws {
    let descriptor = try File.openFolder(folder.path)
    let content = try File.read(name, in: descriptor)
    try Fuzz.run(corpus: [content], rounds: 150) { input, _ in
      try File.replace(name, in: descriptor, with: input, mode: 0o600, durable: false)
      body()
    }
  }
}
