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
    guard case .handshakeRefused(_, let reason, let fault) = event else { return "" }
    return "\(reason) [\(fault.rawValue)]"
  }

  /// Told apart in the log, and by the client only as far as its own certificate shows.
  @Test(arguments: [
    ("mallory", "it is not of a certificate authority we trust [unknown_authority]", ""),
    ("expired", "certificate has expired [expired]", " (it has expired)"),
    ("early", "certificate is not yet valid [not_yet_valid]", " (it is not valid yet)"),
    ("server", "it may not be used as a client's certificate [wrong_use]", ""),
    ("no-usage", "it may not be used as a client's certificate [wrong_use]", ""),
    ("unsigning", "it may not be used as a client's certificate [wrong_use]", ""),
    ("intermediate", "it is an authority's and no client's, or the reverse [wrong_use]", ""),
  ])
  func serverRefusesTheClient(identity: String, reason: String, fault: String) async throws {
    try await Harness.withServer { server in
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient(identity) { try await $0.get("Get", []).message }
      }
      #expect(error?.code == .unavailable)
      let told = "the server refused our certificate: bad certificate\(fault)"
      #expect(error?.message.hasSuffix(told) == true, "\(String(describing: error))")
      let logged = "the client's certificate is refused: \(reason)"
      #expect(await self.refusal(server.events) == logged)
    }
  }

  /// An authority with a key of RSA 1024, and a certificate signed with SHA-1.
  @Test(arguments: [
    ("weak", "weak-ca", "CA certificate key too weak [weak]"),
    ("sha1", "ca", "CA signature digest algorithm too weak [weak]"),
  ])
  func weakChainsAreRefused(identity: String, authority: String, reason: String) async throws {
    let tls = TestCertificates.shared.configuration("server", trusting: authority)
    try await Harness.withServer(tls: tls) { server in
      let files = TestCertificates.shared.configuration(identity)
      let output = try OpenSSLProgram.connect(
        to: server.address,
        options: [
          "-alpn", "h2", "-cert", files.certificateChain, "-key", files.privateKey,
          "-cipher", "DEFAULT:@SECLEVEL=0",
        ])
      #expect(output.contains("alert bad certificate"), "\(output)")
      let logged = "the client's certificate is refused: \(reason)"
      #expect(await self.refusal(server.events) == logged)
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
        "the client refused our certificate: certificate expired (it has expired)"
      ),
      (
        "unsigning-server", nil,
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
      #expect(await self.refusal(server.events) == "\(reason) [refused_by_peer]")
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
      (
        ["-tls1_3", "-alpn", "h2"], "the client sent no certificate [no_certificate]",
        "certificate required"
      ),
      (
        ["-tls1_2", "-alpn", "h2"], "the client does not speak TLS 1.3 [protocol_version]",
        "protocol version"
      ),
      (
        ["-tls1_3"], "the client does not offer HTTP/2 (ALPN h2) [no_http2]",
        "no application protocol"
      ),
      (
        ["-tls1_3", "-alpn", "http/1.1"], "the client does not offer HTTP/2 (ALPN h2) [no_http2]",
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
      #expect(await self.refusal(server.events) == "the client does not speak TLS [not_tls]")
    }
  }

  @Test func slowHandshakeIsCut() async throws {
    var limits = TransportLimits()
    limits.handshakeTimeout = .milliseconds(100)
    try await Harness.withServer(limits: limits) { server in
      let socket = try OpenSSLProgram.open(server.address)
      #expect(await self.refusal(server.events) == "the TLS handshake took too long [timeout]")
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
      #expect(error?.message.contains("our certificate: bad certificate") == true)
      #expect(
        await self.refusal(server.events)
          == "the client's certificate is refused: certificate revoked [revoked]")
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
