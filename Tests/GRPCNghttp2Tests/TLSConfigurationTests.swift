import COpenSSL
import Foundation
import Testing

@testable import GRPCNghttp2

@Suite struct TLSConfigurationTests {
  /// Less than a third of its time, and less than 30 days, are left.
  @Test func whatRunsOutIsKnownInTime() {
    let day: Int64 = 86_400
    let authority = Trust.Authority(key: [1], name: "CA")
    var trust = Trust(authorities: [authority])
    trust.add(Trust.Span(made: 0, end: 9 * day), of: authority)
    let validity = TLSValidity(notBefore: 0, notAfter: 365 * day, trust: trust)
    #expect(validity.nextWarning(after: 0) == 6 * day)
    #expect(validity.endingLists(at: 6 * day - 1).isEmpty && !validity.isEnding(at: 6 * day))
    #expect(validity.endingLists(at: 6 * day).map(\.end) == [9 * day])
    #expect(validity.nextWarning(after: 6 * day) == 335 * day && validity.isEnding(at: 335 * day))
    #expect(validity.nextWarning(after: 335 * day) == nil)
    var endless = Trust(authorities: [authority])
    endless.add(Trust.Span(made: 0, end: .max), of: authority)
    let other = TLSValidity(notBefore: 0, notAfter: 365 * day, trust: endless)
    #expect(other.endingLists(at: 400 * day).isEmpty)
  }

  private let certificates = TestCertificates.shared

  private func failure(_ configuration: TLSConfiguration) -> String {
    do throws(TLSConfigurationError) {
      _ = try TLSContext(configuration, role: .server)
      return "none"
    } catch {
      return error.description
    }
  }

  /// A file of its own for this test.
  private func file(_ content: String, mode: Int = 0o600) throws -> String {
    let path = self.certificates.path("file-\(UUID().uuidString)")
    try Data(content.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
  }

  private func key() throws -> String {
    try String(contentsOfFile: self.certificates.path("server.key"), encoding: .utf8)
  }

  @Test func goodFilesAreTaken() {
    #expect(self.failure(self.certificates.configuration("server")) == "none")
  }

  /// The server's key, as other tools write it.
  private func key(_ write: (OpaquePointer?, OpaquePointer?) -> CInt) throws -> String {
    let pem = Array(try self.key().utf8)
    let key = pem.withUnsafeBytes { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, CInt(bytes.count))
      defer { BIO_free(bio) }
      return PEM_read_bio_PrivateKey(bio, nil, nil, nil)
    }
    defer { EVP_PKEY_free(key) }
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    #expect(write(bio, key) == 1)
    var text = [UInt8](repeating: 0, count: 16 << 10)
    let count = BIO_read(bio, &text, CInt(text.count))
    return String(decoding: text.prefix(Int(count)), as: UTF8.self)
  }

  @Test func aKeyInOpenSSLsOldFormIsTaken() throws {
    let old = try self.key { PEM_write_bio_PrivateKey_traditional($0, $1, nil, nil, 0, nil, nil) }
    #expect(old.contains("BEGIN EC PRIVATE KEY"))
    // As `openssl ecparam -genkey` writes it: the curve's name (prime256v1) comes first.
    let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    for content in [old, curve + old, try self.certificate() + self.key()] {
      var configuration = self.certificates.configuration("server")
      configuration.privateKey = try self.file(content)
      #expect(self.failure(configuration) == "none")
    }
  }

  @Test func anEncryptedKeyIsRefusedWithoutAQuestion() throws {
    let locked = try self.key {
      PEM_write_bio_PKCS8PrivateKey($0, $1, EVP_aes_128_cbc(), "secret", 6, nil, nil)
    }
    #expect(locked.contains("BEGIN ENCRYPTED PRIVATE KEY"))
    var configuration = self.certificates.configuration("server")
    configuration.privateKey = try self.file(locked)
    #expect(self.failure(configuration).hasSuffix("in PEM that is not encrypted"))
  }

  private func certificate() throws -> String {
    try String(contentsOfFile: self.certificates.path("server.crt"), encoding: .utf8)
  }

  @Test func missingFilesAreNamed() {
    var configuration = self.certificates.configuration("server")
    configuration.trustRoots = "/no/ca.crt"
    #expect(self.failure(configuration) == "/no/ca.crt: No such file or directory")
    configuration = self.certificates.configuration("server")
    configuration.certificateChain = "/no/server.crt"
    #expect(self.failure(configuration) == "/no/server.crt: No such file or directory")
    configuration = self.certificates.configuration("server")
    configuration.privateKey = "/no/server.key"
    #expect(self.failure(configuration) == "/no/server.key: No such file or directory")
  }

  @Test(arguments: [0o640, 0o604, 0o660, 0o610])
  func keyThatOthersCanUseIsRefused(mode: Int) throws {
    var configuration = self.certificates.configuration("server")
    configuration.privateKey = try self.file(try self.key(), mode: mode)
    #expect(
      self.failure(configuration)
        == "\(configuration.privateKey): has mode 0\(String(mode, radix: 8)): others than its "
        + "owner could use the key; run chmod 600 \(configuration.privateKey)")
  }

  @Test func keyOfAnotherCertificateIsRefused() {
    var configuration = self.certificates.configuration("server")
    configuration.privateKey = self.certificates.path("alice.key")
    #expect(
      self.failure(configuration)
        == "\(configuration.privateKey): does not belong to \(configuration.certificateChain)")
  }

  @Test func aCertificateForClientsServesNoServer() {
    var configuration = self.certificates.configuration("server")
    configuration.certificateChain = self.certificates.path("alice.crt")
    configuration.privateKey = self.certificates.path("alice.key")
    #expect(self.failure(configuration).contains("alice.crt: is not for a server"))
  }

  /// As clients that trust the same authorities see it: of either of two, and by an intermediate.
  @Test(
    arguments: [
      ("server", "ca", nil), ("server", "both", nil), ("other-server", "both", nil),
      ("chained", "ca", nil), ("chained", "both", nil),
      ("server", "other-ca", "it is not of a certificate authority we trust"),
      ("other-server", "ca", "it is not of a certificate authority we trust"),
      ("unchained", "ca", "it is not of a certificate authority we trust"),
      ("server-authority", "ca", "it is an authority's and no server's, or the reverse"),
      ("unsigning-server", "ca", "it may not be used as a server's certificate"),
    ] as [(String, String, String?)])
  func whetherClientsWouldAcceptTheServerIsKnown(
    identity: String, authority: String, problem: String?
  ) throws {
    let files = self.certificates.configuration(identity, trusting: authority)
    #expect(try TLSContext(files, role: .server).validity.ownProblem == problem)
  }

  /// A new list must never be refused for it, as it revokes others, too.
  @Test func aListThatRevokesTheServerIsNoReason() throws {
    var files = self.certificates.configuration("retired")
    files.revocationList = self.certificates.path("retired.crl")
    #expect(try TLSContext(files, role: .server).validity.ownProblem == nil)
  }

  @Test func whatIsNoFileIsRefusedAndNotWaitedFor() {
    let fifo = self.certificates.path("fifo-\(UUID().uuidString)")
    #expect(mkfifo(fifo, 0o600) == 0)
    var configuration = self.certificates.configuration("server")
    configuration.trustRoots = fifo
    #expect(self.failure(configuration) == "\(fifo): is not a regular file")
    configuration = self.certificates.configuration("server")
    configuration.privateKey = "/tmp"
    #expect(self.failure(configuration) == "/tmp: is not a regular file")
  }

  @Test func filesWithoutPEMSaySo() throws {
    let empty = try self.file("nothing\n")
    var configuration = self.certificates.configuration("server")
    configuration.trustRoots = empty
    #expect(self.failure(configuration).hasPrefix("\(empty): holds no usable certificate: "))
    configuration = self.certificates.configuration("server")
    configuration.certificateChain = empty
    #expect(self.failure(configuration).hasPrefix("\(empty): holds no usable certificate: "))
    configuration = self.certificates.configuration("server")
    configuration.privateKey = empty
    #expect(
      self.failure(configuration)
        == "\(empty): holds no private key in PEM that is not encrypted")
  }
}
