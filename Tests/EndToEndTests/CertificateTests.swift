import Linux
import TestSupport
import Testing

/// What `worker pki` says.
@Suite(.endToEnd) struct CertificateTests {
  private let folder: TemporaryDirectory

  init() throws { self.folder = try TemporaryDirectory() }

  private func pki(_ arguments: String...) async throws -> Outcome {
    let command = try RunningCommand(
      [try #require(Host.binary), "pki"] + arguments, environment: ["PATH=/usr/bin:/bin"],
      folder: self.folder.path)
    return try await command.wait()
  }

  /// A role that no server knows is warned of only where it was given to somebody.
  @Test(arguments: ["a/b", ""]) func aRoleThatIsRefusedIsToldInOneLine(_ role: String) async throws
  {
    let certs = self.folder.path("certs")
    #expect(try await self.pki("init", certs).code == 0)
    let refused = try await self.pki("issue", "carol", "--role", role, "--certs", certs)
    #expect(refused.code == 125, "\(refused)")
    let lines = refused.stderr.split(separator: "\n")
    #expect(lines.count == 1 && lines.first?.contains("role") == true, "\(refused)")
    let issued = try await self.pki("issue", "carol", "--role", "build", "--certs", certs)
    #expect(issued.code == 0 && issued.stderr.contains("without a policy file"), "\(issued)")
  }
}
