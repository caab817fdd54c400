import Foundation
import Testing

@testable import GRPCNghttp2

@Suite struct TLSConfigurationTests {
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
