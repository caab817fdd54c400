import Glibc
import Testing

@testable import PKI

/// What lies in the folder afterwards, with which mode, and what is never touched.
@Suite struct FileTests {
  @Test func keysAreForTheirOwnerOnly() throws {
    let folder = try TemporaryFolder()
    let old = umask(0)
    defer { umask(old) }
    try makeAuthority(in: folder)
    #expect(folder.mode("certs") == 0o700)
    for name in ["ca", "server", "admin"] {
      #expect(folder.mode("certs/\(name).key") == 0o600)
      #expect(folder.read("certs/\(name).key").hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
      #expect(folder.read("certs/\(name).crt").hasPrefix("-----BEGIN CERTIFICATE-----\n"))
    }
    #expect(folder.names().allSatisfy { $0.hasSuffix(".crt") || $0.hasSuffix(".key") })
  }

  @Test func foldersAboveAreMadeToo() throws {
    let folder = try TemporaryFolder()
    _ = try CertificateAuthority.initialize(folder: folder.file("a/b/certs/"))
    #expect(folder.mode("a/b/certs/ca.key") == 0o600)
  }

  @Test(arguments: [
    "ca.key", "ca.crt", "server.key", "server.crt", "admin.key", "admin.crt", "ca.crl",
  ])
  func initializeTouchesNothingWhereSomethingExists(existing: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("precious", to: existing, mode: 0o600)
    let error = try failure { _ = try CertificateAuthority.initialize(folder: folder.path) }
    #expect(error.path == folder.file(existing))
    #expect(error.reason.contains("--force"))
    #expect(folder.names() == [existing])
    #expect(folder.read(existing) == "precious")
  }

  @Test func initializeLeavesOtherFilesAlone() throws {
    let folder = try TemporaryFolder()
    try folder.write("how to", to: "README.md")
    _ = try CertificateAuthority.initialize(folder: folder.path)
    #expect(folder.read("README.md") == "how to")
  }

  @Test func anInitializationCutShortIsToldAndCanBeRepeated() throws {
    let folder = try TemporaryFolder()
    try folder.write("half", to: "ca.key", mode: 0o600)
    try folder.write("half", to: "admin.key.worker-tmp", mode: 0o600)
    let error = try failure { _ = try CertificateAuthority.initialize(folder: folder.path) }
    #expect(error.reason.contains("an earlier init was cut short"))
    _ = try CertificateAuthority.initialize(folder: folder.path, overwrite: true)
    #expect(!folder.names().contains("admin.key.worker-tmp"))
    #expect(try CertificateAuthority(folder: folder.path).trustDomain == "worker.local")
  }

  @Test func overwritingMakesANewAuthorityAndDropsTheOldList() throws {
    let folder = try TemporaryFolder()
    let old = try makeAuthority(in: folder)
    _ = try old.issueUser(name: "alice", roles: ["user"])
    _ = try old.revoke(name: "alice")
    _ = try CertificateAuthority.initialize(folder: folder.file("certs"), overwrite: true)
    #expect(!folder.names().contains("certs/ca.crl"))
    let all = try summaries(folder: folder.file("certs"))
    #expect(all.first { $0.name == "alice" }?.state == .foreign)
    #expect(all.first { $0.name == "admin" }?.state == .valid)
  }

  @Test(arguments: [
    ("bad host!", "worker.local", "admin"), ("ok", "UPPER", "admin"), ("ok", "a", "ca"),
  ])
  func badValuesLeaveNoFolder(host: String, domain: String, administrator: String) throws {
    let folder = try TemporaryFolder()
    _ = try failure {
      _ = try CertificateAuthority.initialize(
        folder: folder.file("certs"), trustDomain: domain, hosts: [host],
        administrator: administrator)
    }
    #expect(folder.mode("certs") == nil)
  }

  @Test(arguments: ["alice.key", "alice.crt"])
  func issueOverwritesNothingUnlessTold(existing: String) throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    try folder.write("precious", to: "certs/\(existing)", mode: 0o600)
    let before = folder.names()
    let error = try failure { _ = try ca.issueUser(name: "alice", roles: ["user"]) }
    #expect(error == .exists(folder.file("certs/\(existing)")))
    #expect(folder.names() == before)
    #expect(folder.read("certs/\(existing)") == "precious")
    _ = try ca.issueUser(name: "alice", roles: ["user"], overwrite: true)
    #expect(folder.mode("certs/alice.key") == 0o600)
    #expect(try load("alice.crt", in: folder).commonName == "alice")
  }

  @Test func aReplacedCertificateIsToldAndStaysRevocable() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let first = try ca.issueUser(name: "alice", roles: ["admin"])
    let second = try ca.issueUser(name: "alice", roles: ["user"], overwrite: true)
    #expect(first.replaced == nil)
    #expect(second.replaced?.serial == first.summary.serial)
    #expect(second.replaced?.roles == ["admin"])
    let all = try summaries(folder: folder.file("certs")).filter { $0.name == "alice" }
    #expect(Set(all.map(\.serial)) == [first.summary.serial, second.summary.serial])
  }

  @Test func oneOfManyAtOnceGetsTheName() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("certs")
    try makeAuthority(in: folder)
    let won = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let ca = try? CertificateAuthority(folder: path)
          return (try? ca?.issueUser(name: "alice", roles: ["user"])) != nil
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(won == 1)
    let leaf = try load("alice.crt", in: folder)
    #expect(leaf.matches(try Key(file: "alice.key", in: CertificateFolder(opening: path))))
  }

  @Test func aBatchThatMeetsAnExistingNameTakesItselfBack() throws {
    let folder = try TemporaryFolder()
    do {
      let opened = try CertificateFolder(opening: folder.path)
      var batch = try FileBatch(in: opened)
      try batch.stage("a", mode: 0o600, try Memory(copying: [1]))
      try batch.stage("b", mode: 0o600, try Memory(copying: [2]))
      try folder.write("other", to: "b")
      #expect(throws: PKIError.exists(folder.file("b"))) { try batch.publish(overwrite: false) }
    }
    #expect(folder.names() == ["b"])
    #expect(folder.read("b") == "other")
  }

  @Test func aFolderAnybodyMayWriteToIsRefused() throws {
    let folder = try TemporaryFolder()
    chmod(folder.path, 0o777)
    let error = try failure { _ = try CertificateAuthority.initialize(folder: folder.path) }
    #expect(error.reason == "anybody may write to it: chmod o-w it first")
    #expect(folder.names() == [])
  }

  @Test func anExistingFolderKeepsItsMode() throws {
    let folder = try TemporaryFolder()
    chmod(folder.path, 0o755)
    _ = try CertificateAuthority.initialize(folder: folder.path)
    #expect(folder.mode(".") == 0o755)
  }
}
