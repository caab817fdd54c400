import GRPCCore
import GRPCNghttp2
import Glibc
import JobAPI
import JobClient
import JobEngine
import JobServer
import Linux
import Logging
import PKI
import TestSupport
import Testing

/// New files under a running server.
@Suite struct ReloadTests {
  private static let jobID = "aaaaaaaaaaaaaaaa"
  let certificates: TestCertificates
  let policy: String
  /// The server's log, line by line.
  private let lines: AsyncStream<String>
  private let sender: AsyncStream<String>.Continuation

  init() throws {
    self.certificates = try TestCertificates(["alice": ["user"], "victor": ["viewer"]])
    self.policy = self.certificates.folder.path("policy.json")
    (self.lines, self.sender) = AsyncStream.makeStream()
    try self.write(Self.both)
  }

  static let both = """
    {"roles": {"admin": {"methods": {"*": "any"}}, "user": {"methods": {"*": "own"}},
      "viewer": {"methods": {"*": "any", "StartJob": "none"}}}}
    """

  func write(_ policy: String) throws {
    try self.certificates.folder.write("policy.json", policy)
  }

  func withWatchedServer(
    _ engine: FakeEngine = FakeEngine(),
    configure: (inout ServerConfiguration) -> Void = { _ in },
    _ body: @Sendable (TestServer) async throws -> Void
  ) async throws {
    let (certificates, policy, sender) = (self.certificates, self.policy, self.sender)
    try await withServer(
      engine, certificates: certificates, log: .lines { sender.yield($0) },
      configure: {
        $0.tls = { certificates.serverFiles }
        $0.policy = { try PolicyFile.read(policy) }
        $0.files = {
          ["ca.crt", "ca.crl", "server.crt", "server.key", "policy.json"].map(
            certificates.folder.path)
        }
        configure(&$0)
      }, body)
  }

  /// The next line of the log that holds `text`.
  func line(_ text: String) async throws -> String {
    try #require(await self.lines.first { $0.contains(text) })
  }

  func problems(_ server: TestServer) async throws -> [String] {
    try await server.client("admin").serverInfo().configuration.problems
  }

  @Test func aChangedFileIsReadByItself() async throws {
    try await self.withWatchedServer { server in
      let before = await failure { _ = try await server.client("victor").list() }
      try self.write(#"{"roles": {"admin": {"methods": {"*": "any"}}}}"#)
      let line = try await self.line("policy read again")
      let after = await failure { _ = try await server.client("victor").list() }
      #expect(before == nil)
      #expect(line.contains("roles=admin"))
      #expect(after?.code == .permissionDenied)
      let info = try await server.client("admin").serverInfo().configuration
      #expect(info.policy == self.policy && info.problems.isEmpty)
    }
  }

  @Test func aBadPolicyIsRefusedAndTheLastGoodOneStays() async throws {
    try await self.withWatchedServer { server in
      try self.write("{\"roles\": {\n\"admin\": {}}}")
      let line = try await self.line("policy not read again")
      #expect(line.contains("policy.json:2: roles.admin: has no methods"))
      #expect(await failure { _ = try await server.client("victor").list() } == nil)
      let problems = try await self.problems(server)
      #expect(problems.count == 1 && problems[0].contains("roles.admin"))
      try self.write(Self.both)
      _ = try await self.line("policy read again")
      #expect(try await self.problems(server).isEmpty)
    }
  }

  @Test func badCertificatesAreRefusedAndTheLastGoodOnesStay() async throws {
    let folder = self.certificates.folder
    _ = try CertificateAuthority(folder: folder.path).issueServer(name: "other")
    try await self.withWatchedServer { server in
      let admin = try server.client("admin")  // before the files that it reads too are bad
      let good = try File.readText(folder.path("server.crt"))
      let start = String(good.prefix(200))
      for (name, text, reason) in [
        ("server.crt", start + "!!junk\n-----END CERTIFICATE-----\n", "no usable certificate"),
        ("ca.crt", "", "no usable certificate"),
        ("server.crt", try File.readText(folder.path("other.crt")), "does not belong to"),
        ("server.crt", try File.readText(folder.path("admin.crt")), "is not for a server"),
      ] {
        let old = try File.readText(folder.path(name))
        try folder.write(name, text)
        let line = try await self.line("certificates not read again")
        #expect(line.contains(reason), "\(line)")
        #expect(try await admin.serverInfo().configuration.problems.count == 1)
        try folder.write(name, old)
        _ = try await self.line("certificates read again")
      }
      #expect(try await admin.serverInfo().configuration.problems.isEmpty)
    }
  }

  @Test func aRevocationListThatVanishesRevokesStill() async throws {
    let folder = self.certificates.folder
    _ = try CertificateAuthority(folder: folder.path).revoke(name: "alice")
    let list = folder.path("ca.crl")
    let text = try File.readText(list)
    try await self.withWatchedServer { server in
      #expect(remove(list) == 0)
      server.order(.reload)
      let line = try await self.line("certificates not read again")
      #expect(line.contains("the revocation list is gone"))
      let alice = await failure { _ = try await server.client("alice").list() }
      #expect(alice?.code == .unavailable)
      try folder.write("ca.crl", text)
      _ = try await self.line("certificates read again")
    }
  }

  @Test func aNewAuthorityIsTrustedBesideTheOld() async throws {
    let folder = self.certificates.folder
    let next = try TestCertificates(["carol": ["user"]])
    _ = try CertificateAuthority(folder: folder.path).revoke(name: "alice")
    try await self.withWatchedServer { server in
      let carol = try server.client(next.tls("carol", trusting: self.certificates))
      let before = await failure { _ = try await carol.list() }
      let both =
        try File.readText(folder.path("ca.crt")) + File.readText(next.folder.path("ca.crt"))
      try folder.write("ca.crt", both)
      _ = try await self.line("certificates read again")
      let after = await failure { _ = try await carol.list() }
      let victor = await failure { _ = try await server.client("victor").list() }
      let alice = await failure { _ = try await server.client("alice").list() }
      #expect(before?.code == .unavailable)
      #expect(after == nil && victor == nil, "\(String(describing: after))")
      #expect(alice?.message.contains("refused our certificate") == true)
    }
  }

  /// The new authority's list over the old one's, and an old copy over a new one.
  @Test(arguments: [true, false])
  func aListThatWouldLetTheRevokedInAgainIsNotTaken(isOfAnother: Bool) async throws {
    let folder = self.certificates.folder
    let authority = try CertificateAuthority(folder: folder.path)
    let next = try TestCertificates(["carol": ["user"]])
    let nextAuthority = try CertificateAuthority(folder: next.folder.path)
    _ = try nextAuthority.revoke(name: "carol")
    let clock = PKIClock.fixed(PKIClock.system.now() - 3600)
    _ = try CertificateAuthority(folder: folder.path, clock: clock).revoke(name: "victor")
    let old = try File.readText(folder.path("ca.crl"))
    _ = try authority.revoke(name: "alice")
    let both =
      try File.readText(folder.path("ca.crt")) + File.readText(next.folder.path("ca.crt"))
    try folder.write("ca.crt", both)
    try await self.withWatchedServer { server in
      try folder.write(
        "ca.crl", isOfAnother ? try File.readText(next.folder.path("ca.crl")) : old)
      let line = try await self.line("certificates not read again")
      let reason = isOfAnother ? "there is no revocation list of" : "is older than the one in use"
      #expect(line.contains(reason), "\(line)")
      let alice = await failure { _ = try await server.client("alice").list() }
      #expect(alice?.message.contains("refused our certificate") == true)
    }
  }

  @Test func aFollowThatANewPolicyDoesNotAllowEnds() async throws {
    let engine = FakeEngine(
      [job(Self.jobID)], events: Array(try OutputTests.events().dropLast()))
    try await self.withWatchedServer(engine) { server in
      let error = await failure {
        _ = try await server.client("victor").output(of: OutputRequest(job: Self.jobID)) { chunk in
          guard chunk.stream == .stderr else { return }
          try self.write(
            Self.both.replacing("\"StartJob\": \"none\"", with: "\"StreamOutput\": \"own\""))
        }
      }
      #expect(error?.code == .permissionDenied)
      #expect(error?.message.contains("any more") == true)
    }
  }

  @Test func aFollowEndsWithItsCertificate() async throws {
    let engine = FakeEngine(
      [job(Self.jobID, owner: "brief")], events: Array(try OutputTests.events().dropLast()))
    let now = PKIClock.system.now()
    let certificates = try TestCertificates(clock: .fixed(now - 86_400))
    try certificates.issue("brief", roles: ["user"], clock: .fixed(now + 3 - 86_400))
    var impatient = Retries()
    impatient.patience = .zero
    let retries = impatient
    try await withServer(
      engine, certificates: certificates,
      configure: { $0.limits.shutdownGrace = .milliseconds(10) }
    ) { server in
      let error = await failure {
        let client = try server.client("brief", retries: retries)
        _ = try await client.output(of: OutputRequest(job: Self.jobID)) { _ in }
      }
      #expect(error?.code == .unavailable)
      #expect(PKIClock.system.now() >= now + 2)
    }
  }
}

/// Files with which a server does not start.
@Suite struct BadFileTests {
  private let certificates: TestCertificates

  init() throws { self.certificates = try TestCertificates(["alice": ["user"]]) }

  private func refusal(_ certificates: TestCertificates? = nil) async -> String {
    do {
      let certificates = certificates ?? self.certificates
      try await withServer(
        FakeEngine(), certificates: certificates,
        configure: { $0.tls = { certificates.serverFiles } }, { _ in })
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test func goodFilesAreTaken() async { #expect(await self.refusal() == "none") }

  @Test func anExpiredServerCertificateIsRefused() async throws {
    let old = try TestCertificates(clock: .shifted(by: -366 * 86_400))
    #expect(await self.refusal(old).contains("the server's certificate expired on 20"))
  }

  @Test func aServerCertificateOfTomorrowIsRefused() async throws {
    let tomorrow = try TestCertificates(clock: .shifted(by: 86_400))
    #expect(await self.refusal(tomorrow).contains("is not valid before 20"))
  }

  @Test func theListOfAnotherAuthorityIsRefused() async throws {
    let other = try TestCertificates(["bob": ["user"]])
    _ = try CertificateAuthority(folder: other.folder.path).revoke(name: "bob")
    try self.certificates.folder.write(
      "ca.crl", try File.readText(other.folder.path("ca.crl")), mode: 0o644)
    #expect(await self.refusal().contains("ca.crl: is signed by no authority in"))
  }

  @Test func aListThatRanOutIsRefused() async throws {
    // The list lives as long as its authority: ten years.
    let clock = PKIClock.shifted(by: -3651 * 86_400)
    let old = try TestCertificates(["bob": ["user"]], clock: clock)
    _ = try CertificateAuthority(folder: old.folder.path, clock: clock).revoke(name: "bob")
    let both =
      try File.readText(self.certificates.folder.path("ca.crt"))
      + File.readText(old.folder.path("ca.crt"))
    try self.certificates.folder.write("ca.crt", both)
    try self.certificates.folder.write("ca.crl", try File.readText(old.folder.path("ca.crl")))
    #expect(await self.refusal().contains("the revocation list ran out on 20"))
  }

  @Test(arguments: [
    ("ca.crt", "no usable certificate"), ("server.crt", "no usable certificate"),
    ("server.key", "no private key"),
  ])
  func anEmptyFileIsRefused(name: String, reason: String) async throws {
    try self.certificates.folder.write(name, "")
    let refusal = await self.refusal()
    #expect(refusal.contains("\(name): holds \(reason)"), "\(refusal)")
  }

  @Test func aListWithJunkInItIsRefused() async throws {
    _ = try CertificateAuthority(folder: self.certificates.folder.path).revoke(name: "alice")
    let text = try File.readText(self.certificates.folder.path("ca.crl"))
    try self.certificates.folder.write("ca.crl", text + text.replacing("\nMI", with: "\n!!"))
    #expect(await self.refusal().contains("ca.crl: holds no usable revocation list"))
  }
}
