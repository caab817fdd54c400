import GRPCCore
import GRPCNghttp2
import JobAPI
import JobClient
import Linux
import Logging
import TestSupport
import Testing

@testable import JobServer

/// `GET /metrics`, with curl, as Prometheus would.
@Suite(.requiresTool("curl")) struct MetricsTests {
  private static let jobID = "aaaaaaaaaaaaaaaa"

  private struct Page {
    let code: Int32
    let text: String
    /// The value of a sample, by all that stands before it.
    func value(_ sample: String) -> String? {
      self.text.split(separator: "\n").first { $0.hasPrefix(sample + " ") }
        .map { String($0.dropFirst(sample.count + 1)) }
    }
  }

  /// `code`: what curl exits with, 22 for a refusal.
  private static func get(
    _ server: TestServer, as name: String, path: String = "/metrics", _ options: [String] = []
  ) async throws -> Page {
    let folder = try TemporaryDirectory()
    let tls = server.certificates.tls(name)
    let code = await Shell.run(
      [
        "curl", "--http2", "--silent", "--fail-with-body", "--output", folder.path("page"),
        "--cacert", tls.trustRoots, "--cert", tls.certificateChain, "--key", tls.privateKey,
      ] + options + ["https://\(server.address)\(path)"])
    return Page(code: code, text: (try? File.readText(folder.path("page"))) ?? "")
  }

  @Test func whatHappenedIsCounted() async throws {
    let certificates = try TestCertificates(["alice": ["user"], "victor": ["viewer"]])
    let folder = try TemporaryDirectory()
    let log = try AuditLog(folder.path("audit.log"))
    let engine = FakeEngine([job(Self.jobID, owner: "bob")])
    try await withServer(engine, certificates: certificates, configure: { $0.audit = log }) {
      server in
      let missing = await failure { _ = try await server.client("alice").get(Self.jobID) }
      _ = try await server.client("admin").get(Self.jobID)
      let page = try await Self.get(server, as: "victor")
      #expect(missing?.code == .notFound && page.code == 0)
      #expect(page.value(#"worker_calls_total{method="GetJob",code="notFound"}"#) == "1")
      #expect(page.value(#"worker_calls_total{method="GetJob",code="ok"}"#) == "1")
      #expect(page.value(#"worker_jobs{state="running"}"#) == "1")
      #expect(page.value(#"worker_jobs{state="finished"}"#) == "0")
      #expect(page.value(#"worker_info{version="test"}"#) == "1")
      #expect(page.value("worker_audit_failed") == "0")
      #expect(page.value("worker_audit_lines_total") != "0")
      #expect(page.value(#"worker_network_bytes_total{direction="in"}"#) != "0")
      #expect(page.value(#"worker_reload_failed{files="policy"}"#) == "0")
      // Nobody is named on it.
      #expect(!page.text.contains("alice") && !page.text.contains("bob"))
    }
    let lines = try File.readText(folder.path("audit.log"))
    #expect(lines.contains(#""method":"GET /metrics","decision":"allowed""#))
  }

  @Test func onlyWhoMayAskAboutTheWholeServerReadsIt() async throws {
    let certificates = try TestCertificates(["alice": ["user"], "nobody": ["unknown"]])
    try await withServer(FakeEngine(), certificates: certificates) { server in
      for name in ["alice", "nobody"] {
        let page = try await Self.get(server, as: name)
        #expect(page.code == 22 && !page.text.contains("worker_jobs"), "\(page)")
      }
      #expect(try await Self.get(server, as: "admin").code == 0)
      #expect(try await Self.get(server, as: "admin", path: "/metrics?all=1").code == 0)
      #expect(try await Self.get(server, as: "admin", path: "/other").code == 22)
      #expect(try await Self.get(server, as: "admin", path: "/metrics/").code == 22)
      #expect(try await Self.get(server, as: "admin", ["--request", "POST"]).code == 22)
    }
  }

  @Test func refusedHandshakesAreCountedByReason() async throws {
    let certificates = try TestCertificates()
    let others = try TestCertificates(["mallory": ["admin"]])
    try await withServer(FakeEngine(), certificates: certificates) { server in
      let client = try server.client(others.tls("mallory", trusting: certificates))
      let error = await failure { _ = try await client.serverInfo() }
      #expect(error?.code == .unavailable)
      let page = try await Self.get(server, as: "admin")
      let refused = #"worker_handshakes_refused_total{reason="unknown_authority"}"#
      #expect(page.value(refused).flatMap { Int($0) } ?? 0 >= 1, "\(page.text)")
      #expect(page.value(#"worker_handshakes_refused_total{reason="expired"}"#) == "0")
    }
  }

  @Test func aBadNewFileShows() async throws {
    let isBad = Lock(false)
    let (lines, sender) = AsyncStream<String>.makeStream()
    try await withServer(
      FakeEngine(), certificates: try TestCertificates(), log: .lines { sender.yield($0) },
      configure: {
        $0.policy = {
          if isBad.withLock({ $0 }) { throw ServerFileError("bad for a test") }
          return .builtIn
        }
      }
    ) { server in
      isBad.withLock { $0 = true }
      server.order(.reload)
      _ = await lines.first { $0.contains("certificates read again") }  // after the policy
      let bad = try await Self.get(server, as: "admin")
      #expect(bad.value(#"worker_reload_failed{files="policy"}"#) == "1")
      #expect(bad.value(#"worker_reload_failures_total{files="policy"}"#) == "1")
      #expect(bad.value(#"worker_reload_failed{files="certificates"}"#) == "0")
      isBad.withLock { $0 = false }
      server.order(.reload)
      _ = await lines.first { $0.contains("certificates read again") }
      let good = try await Self.get(server, as: "admin")
      #expect(good.value(#"worker_reload_failed{files="policy"}"#) == "0")
      #expect(good.value(#"worker_reload_failures_total{files="policy"}"#) == "1")
    }
  }

  @Test func labelsCannotLeaveTheirQuotes() {
    var text = MetricsText()
    text.family("a", .gauge, "Help.")
    text.sample("a", [("b", "x\"} 1\n\\")], 2)
    #expect(text.text == "# HELP a Help.\n# TYPE a gauge\na{b=\"x\\\"} 1\\n\\\\\"} 2\n")
  }
}
