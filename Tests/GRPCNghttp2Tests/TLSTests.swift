import GRPCCore
import Testing

@testable import GRPCNghttp2

/// Each refusal is looked at from both ends.
@Suite struct TLSTests {
  private func refusal(_ events: EventLog) async -> String {
    let event = await events.first { event in
      guard case .handshakeRefused = event else { return false }
      return true
    }
    guard case .handshakeRefused(_, let reason) = event else { return "" }
    return reason
  }

  @Test(arguments: [
    (
      "mallory", "ca", "the client's certificate is refused: it is not of a certificate authority",
      "the server refused our certificate: unknown CA"
    ),
    (
      "expired", "ca", "the client's certificate is refused: certificate has expired",
      "the server refused our certificate: certificate expired"
    ),
    (
      "server", "ca",
      "the client's certificate is refused: it may not be used as a client's certificate",
      "the server refused our certificate: unsupported certificate"
    ),
    (
      "no-usage", "ca",
      "the client's certificate is refused: it may not be used as a client's certificate",
      "the server refused our certificate: unsupported certificate"
    ),
  ])
  func serverRefusesTheClient(
    identity: String, trusting: String, server reason: String, client message: String
  ) async throws {
    try await Harness.withServer { server in
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient(identity, trusting: trusting) { client in
          try await client.get("Get", []).message
        }
      }
      #expect(error?.code == .unavailable)
      #expect(error?.message.contains(message) == true, "\(String(describing: error))")
      #expect(await self.refusal(server.events).hasPrefix(reason))
    }
  }

  @Test(
    arguments: [
      (
        "other-server", nil,
        "the server's certificate is refused: it is not of a certificate authority",
        "the client refused our certificate: unknown CA"
      ),
      (
        "expired-server", nil, "the server's certificate is refused: certificate has expired",
        "the client refused our certificate: certificate expired"
      ),
      (
        "alice", nil,
        "the server's certificate is refused: it may not be used as a server's certificate",
        "the client refused our certificate: unsupported certificate"
      ),
      (
        "elsewhere", nil, "the server's certificate is refused: IP address mismatch",
        "the client refused our certificate: bad certificate"
      ),
      (
        "server", "elsewhere.example", "the server's certificate is refused: hostname mismatch",
        "the client refused our certificate: bad certificate"
      ),
    ] as [(String, String?, String, String)])
  func clientRefusesTheServer(
    identity: String, serverName: String?, client message: String, server reason: String
  ) async throws {
    let tls = TestCertificates.shared.configuration(identity)
    try await Harness.withServer(tls: tls) { server in
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient(serverName: serverName) { client in
          try await client.get("Get", []).message
        }
      }
      #expect(error?.code == .unavailable)
      let text = error?.message.lowercased() ?? ""
      #expect(text.contains(message.lowercased()), "\(text)")
      #expect(await self.refusal(server.events) == reason)
    }
  }

  @Test(arguments: ["localhost", "127.0.0.1", "::1"]) func serverNameMayBeAny(name: String)
    async throws
  {
    try await Harness.withServer { server in
      try await server.withClient(serverName: name) { client in
        let echoed = try await client.get("Get", [1]).message
        #expect(echoed == [1])
      }
    }
  }

  /// With the `openssl` program, as our client can do none of this.
  @Test(
    arguments: [
      (["-tls1_3", "-alpn", "h2"], "the client sent no certificate", "certificate required"),
      (["-tls1_2", "-alpn", "h2"], "the client does not speak TLS 1.3", "protocol version"),
      (["-tls1_3"], "the client does not offer HTTP/2 (ALPN h2)", "no application protocol"),
      (
        ["-tls1_3", "-alpn", "http/1.1"], "the client does not offer HTTP/2 (ALPN h2)",
        "no application protocol"
      ),
    ])
  func otherClientsAreRefused(
    options: [String], reason: String, alert: String
  ) async throws {
    try await Harness.withServer { server in
      let output = try OpenSSLProgram.connect(to: server.address, options: options)
      #expect(output.contains(alert), "\(output)")
      #expect(await self.refusal(server.events) == reason)
    }
  }

  @Test func plainTextIsRefused() async throws {
    try await Harness.withServer { server in
      try OpenSSLProgram.sendPlain("GET / HTTP/1.1\r\n\r\n", to: server.address)
      #expect(await self.refusal(server.events) == "the client does not speak TLS")
    }
  }

  @Test func slowHandshakeIsCut() async throws {
    var limits = TransportLimits()
    limits.handshakeTimeout = .milliseconds(100)
    try await Harness.withServer(limits: limits) { server in
      let socket = try OpenSSLProgram.open(server.address)
      #expect(await self.refusal(server.events) == "the TLS handshake took too long")
      withExtendedLifetime(socket) {}
    }
  }

  @Test func revokedCertificateIsRefusedAndOthersAreNot() async throws {
    var tls = TestCertificates.shared.configuration("server")
    tls.revocationList = TestCertificates.shared.path("ca.crl")
    try await Harness.withServer(tls: tls) { server in
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient("revoked") { try await $0.get("Get", []).message }
      }
      #expect(error?.message.contains("our certificate: certificate revoked") == true)
      #expect(
        await self.refusal(server.events)
          == "the client's certificate is refused: certificate revoked")
      let other = try await server.withClient { try await $0.get("Get", [1]).message }
      #expect(other == [1])
    }
  }

  @Test func reloadedCertificateServesNewConnections() async throws {
    let certificates = TestCertificates.shared
    try await Harness.withServer(tls: certificates.configuration("expired-server")) { server in
      let before = await #expect(throws: RPCError.self) {
        try await server.withClient { try await $0.get("Get", []).message }
      }
      #expect(before?.message.contains("expired") == true)
      try server.server?.transport.reload(tls: certificates.configuration("server"))
      let after = try await server.withClient { try await $0.get("Get", [4]).message }
      #expect(after == [4])
    }
  }
}
