import GRPCCore
import Glibc
import JobAPI
import JobClient
import JobServer
import Linux
import PKI
import TestSupport
import Testing

/// Files that are replaced in other ways than by a write into them, or by what is of no use.
extension ReloadTests {
  /// What is written into the new folder afterwards is seen, too.
  @Test func aFolderThatTakesTheOldOnesPlaceIsWatched() async throws {
    let path = self.certificates.folder.path
    let old = "\(path)-old"
    defer {
      if let parent = try? File.openFolder("/tmp") {
        try? Folder.removeTree(String(old.dropFirst("/tmp/".count)), in: parent)
      }
    }
    try await self.withWatchedServer { server in
      #expect(await Shell.run(["cp", "-a", path, "\(path)-new"]) == 0)
      #expect(rename(path, old) == 0 && rename("\(path)-new", path) == 0)
      _ = try await self.line("certificates read again")
      _ = try CertificateAuthority(folder: path).revoke(name: "alice")
      _ = try await self.line("certificates read again revocation_list=true")
      let alice = await failure { _ = try await server.client("alice").list() }
      #expect(alice?.message.contains("refused our certificate") == true)
    }
  }

  @Test func aFileThatALinkLeadsToIsWatched() async throws {
    let folder = self.certificates.folder
    let store = try TemporaryDirectory()
    let next = try TestCertificates(["carol": ["user"]])
    let real = store.path("authorities.pem")
    #expect(rename(folder.path("ca.crt"), real) == 0 && symlink(real, folder.path("ca.crt")) == 0)
    let both = try File.readText(real) + File.readText(next.folder.path("ca.crt"))
    try await self.withWatchedServer { server in
      try store.write("authorities.pem", both)
      _ = try await self.line("certificates read again")
      let carol = try server.client(next.tls("carol", trusting: self.certificates))
      #expect(await failure { _ = try await carol.list() } == nil)
    }
  }

  /// Of an authority that is not in ca.crt; and the authority's own pair.
  @Test(arguments: [
    ("server", "it is not of a certificate authority we trust"), ("ca", "is not for a server"),
  ])
  func aServerCertificateOfNoUseIsRefusedAndTheLastGoodOneStays(
    name: String, reason: String
  ) async throws {
    let folder = self.certificates.folder
    let other = try TestCertificates()
    let source = name == "ca" ? folder : other.folder
    try await self.withWatchedServer { server in
      for kind in ["key", "crt"] {
        try folder.write("server.\(kind)", try File.readText(source.path("\(name).\(kind)")))
      }
      let line = try await self.line(reason)
      #expect(line.contains("certificates not read again"), "\(line)")
      #expect(await failure { _ = try await server.client("victor").list() } == nil)
      #expect(try await self.problems(server).count == 1)
    }
  }

  @Test func aServerCertificateOfEitherAuthorityIsTaken() async throws {
    let folder = self.certificates.folder
    let next = try TestCertificates()
    let both =
      try File.readText(folder.path("ca.crt")) + File.readText(next.folder.path("ca.crt"))
    try await self.withWatchedServer { server in
      try folder.write("ca.crt", both)
      _ = try await self.line("certificates read again")
      for kind in ["key", "crt"] {
        try folder.write("server.\(kind)", try File.readText(next.folder.path("server.\(kind)")))
      }
      _ = try await self.line("certificates read again")
      let victor = try server.client(self.certificates.tls("victor", trusting: next))
      #expect(await failure { _ = try await victor.list() } == nil)
    }
  }

  @Test(arguments: [("policy.json", "policy"), ("ca.crt", "certificates")])
  func aFIFOInAFilesPlaceIsRefused(name: String, part: String) async throws {
    let folder = self.certificates.folder
    let admin = self.certificates.tls("admin")
    try await self.withWatchedServer { server in
      let client = try server.client(admin)  // before the file that it reads too is none
      #expect(mkfifo(folder.path("fifo"), 0o600) == 0)
      #expect(rename(folder.path("fifo"), folder.path(name)) == 0)
      let line = try await self.line("\(part) not read again")
      #expect(line.contains("is not a regular file"), "\(line)")
      #expect(await failure { _ = try await client.list() } == nil)
    }
  }

  /// As on a file system that does not answer: calls go on, and the server ends when it is told to.
  @Test func aReadingThatHangsHoldsUpNobody() async throws {
    let gate = self.certificates.folder.path("gate")
    #expect(mkfifo(gate, 0o600) == 0)
    // The thread is there for the servers of other tests, too.
    defer { _ = try? File.open(gate, O_RDWR) }
    let isStarting = Lock(true)
    let (hanging, sender) = AsyncStream<Void>.makeStream()
    let policy = self.policy
    try await self.withWatchedServer(configure: {
      $0.policy = {
        if isStarting.withLock({ $0 }) { return try PolicyFile.read(policy) }
        sender.yield()
        _ = try File.open(gate, O_RDONLY)  // waits for somebody who opens it for writing
        return .builtIn
      }
    }) { server in
      isStarting.withLock { $0 = false }
      server.order(.reload)
      _ = await hanging.first { _ in true }
      #expect(await failure { _ = try await server.client("victor").list() } == nil)
    }
  }

  /// Once the connection is lost and the next is refused, there is nothing to wait for.
  @Test func aFollowOfSomebodyRevokedEndsAtOnce() async throws {
    let id = "aaaaaaaaaaaaaaaa"
    let engine = FakeEngine(
      [job(id, owner: "alice")], events: Array(try OutputTests.events().dropLast()))
    let path = self.certificates.folder.path
    let retries = Lock<[String]>([])
    try await self.withWatchedServer(engine) { server in
      let alice = try server.client(
        "alice", onRetry: { error, _ in retries.withLock { $0.append(error.message) } })
      let error = await failure {
        _ = try await alice.output(of: OutputRequest(job: id)) { chunk in
          guard chunk.stream == .stderr else { return }
          _ = try CertificateAuthority(folder: path).revoke(name: "alice")
        }
      }
      #expect(error?.code == .unavailable && error?.isOfCertificate == true)
      #expect(error?.message.contains("the server refused our certificate") == true)
      #expect(retries.withLock { $0.contains { $0.contains("refused our certificate") } } == false)
    }
  }
}
