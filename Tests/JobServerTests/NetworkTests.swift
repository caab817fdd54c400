import GRPCCore
import GRPCNghttp2
import JobAPI
import JobClient
import JobEngine
import JobServer
import Linux
import Logging
import PKI
import SwiftProtobuf
import TestSupport
import Testing

/// The service over our transport with mutual TLS.
@Suite struct NetworkTests {
  static let jobID = "aaaaaaaaaaaaaaaa"

  @Test func identityComesFromTheConnection() async throws {
    let certificates = try TestCertificates(["alice": ["user"], "both": ["viewer", "user"]])
    try await withServer(FakeEngine(), certificates: certificates) { server in
      let alice = try await server.client("alice").serverInfo()
      let both = try await server.client("both").serverInfo()
      let admin = try await server.client("admin").serverInfo()
      #expect(alice.identity == "alice" && alice.roles == ["user"])
      #expect(both.identity == "both" && both.roles == ["user", "viewer"])
      #expect(admin.identity == "admin" && admin.roles == ["admin"])
    }
  }

  @Test func ownJobsOnly() async throws {
    let certificates = try TestCertificates([
      "alice": ["user"], "bob": ["user"], "victor": ["viewer"],
    ])
    let engine = FakeEngine([job(Self.jobID, owner: "alice", name: "build")])
    try await withServer(engine, certificates: certificates) { server in
      let own = try await server.client("alice").get("build")
      let seen = try await server.client("victor").get(Self.jobID)
      let bobs = try await server.client("bob").list()
      let foreign = await failure { _ = try await server.client("bob").get("build") }
      let viewed = await failure { _ = try await server.client("victor").stop("build") }
      #expect(own.id == Self.jobID && seen.id == Self.jobID)
      #expect(bobs.isEmpty)
      #expect(foreign?.code == .notFound)
      #expect(viewed?.code == .permissionDenied)
    }
  }

  @Test func listsBeyondOneMessageArePutTogether() async throws {
    let certificates = try TestCertificates()
    let ids = (0..<6).map { "aaaaaaaaaaaaaaa\($0)" }
    let engine = FakeEngine(
      ids.map { id in
        var status = job(id)
        status.spec.command = [String(repeating: "x", count: 1_000_000)]
        return status
      })
    try await withServer(engine, certificates: certificates) { server in
      let jobs = try await server.client("admin").list()
      #expect(jobs.map(\.id) == ids)
    }
  }

  @Test func strangersAreRefusedAndLogged() async throws {
    let certificates = try TestCertificates()
    let others = try TestCertificates(["mallory": ["admin"]])
    let lines = Lock<[String]>([])
    try await withServer(
      FakeEngine(), certificates: certificates,
      log: .lines { line in lines.withLock { $0.append(line) } }
    ) { server in
      let client = try server.client(others.tls("mallory", trusting: certificates))
      let error = await failure { _ = try await client.serverInfo() }
      #expect(error?.code == .unavailable)
      #expect(
        error?.message.contains("refused our certificate") == true, "\(String(describing: error))")
    }
    #expect(lines.withLock { $0 }.contains { $0.contains("connection refused") })
  }

  @Test func aServerOfAnotherAuthorityIsRefusedByTheClient() async throws {
    let certificates = try TestCertificates()
    let others = try TestCertificates()
    try await withServer(FakeEngine(), certificates: certificates) { server in
      let client = try server.client(certificates.tls("admin", trusting: others))
      let error = await failure { _ = try await client.serverInfo() }
      #expect(error?.code == .unavailable)
      #expect(error?.message.contains("certificate") == true, "\(String(describing: error))")
    }
  }

  @Test func otherTrustDomainsAreNobody() async throws {
    let certificates = try TestCertificates(trustDomain: "elsewhere.example")
    try await withServer(FakeEngine(), certificates: certificates) { server in
      let error = await failure { _ = try await server.client("admin").serverInfo() }
      #expect(error?.code == .unauthenticated)
    }
  }

  @Test func expiredCertificatesAreRefused() async throws {
    let certificates = try TestCertificates(clock: .shifted(by: -20 * 86400))
    try certificates.issue("old", roles: ["admin"], clock: .shifted(by: -10 * 86400))
    try await withServer(FakeEngine(), certificates: certificates) { server in
      let error = await failure { _ = try await server.client("old").serverInfo() }
      #expect(error?.code == .unavailable)
      #expect(
        error?.message.contains("refused our certificate") == true, "\(String(describing: error))")
    }
  }

  @Test func aPortWithoutAServerIsToldAtOnce() async throws {
    let certificates = try TestCertificates()
    let retries = Lock(0)
    let address = Lock<SocketAddress?>(nil)
    try await withServer(FakeEngine(), certificates: certificates) { server in
      address.withLock { $0 = server.address }
    }
    let client = try JobClient(
      Connection(
        server: try #require(address.withLock { $0 }), tls: certificates.tls("admin")),
      loop: TestServer.loops.next(), onRetry: { _, _ in retries.withLock { $0 += 1 } })
    let error = await failure { _ = try await client.serverInfo() }
    #expect(error?.code == .unavailable && error?.isConnectFailure == true)
    #expect(retries.withLock { $0 } == 0)
  }

  @Test func drainEndsFollowersAndTheServer() async throws {
    let certificates = try TestCertificates()
    let engine = FakeEngine(
      [job(Self.jobID)], events: Array(try OutputTests.events().dropLast()))
    var impatient = Retries()
    impatient.patience = .zero
    let retries = impatient
    try await withServer(engine, certificates: certificates) { server in
      let client = try server.client("admin", retries: retries)
      let error = await failure {
        _ = try await client.output(of: OutputRequest(job: Self.jobID)) { chunk in
          if chunk.stream == .stderr { server.order(.drain) }
        }
      }
      #expect(error?.code == .unavailable)
    }
  }

  @Test func aRevocationListThatAppearsIsInForceAfterReload() async throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    let list = certificates.folder.path("ca.crl")
    let wanted = Lock(certificates.tls("server"))
    let (lines, sender) = AsyncStream<String>.makeStream()
    try await withServer(
      FakeEngine(), certificates: certificates, log: .lines { sender.yield($0) },
      configure: { $0.tls = { wanted.withLock { $0 } } }
    ) { server in
      let before = await failure { _ = try await server.client("alice").serverInfo() }
      _ = try CertificateAuthority(folder: certificates.folder.path).revoke(name: "alice")
      wanted.withLock { $0.revocationList = list }
      server.order(.reload)
      let reloaded = await lines.first { $0.contains("certificates read again") }
      let admin = await failure { _ = try await server.client("admin").serverInfo() }
      let alice = await failure { _ = try await server.client("alice").serverInfo() }
      #expect(before == nil && admin == nil)
      #expect(alice?.code == .unavailable)
      #expect(reloaded?.contains("revocation_list=true") == true)
    }
  }
}
