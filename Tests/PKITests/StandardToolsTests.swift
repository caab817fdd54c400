import Testing

@testable import PKI

/// Other people's programs judge what we make.
@Suite(.requiresOpenSSL) struct StandardToolsTests {
  private func verify(_ options: String, _ file: String, in folder: TemporaryFolder) -> String {
    shell(
      "cd '\(folder.file("certs"))' && openssl verify -x509_strict -CAfile ca.crt \(options) \(file)"
    )
    .output
  }

  @Test(arguments: KeyAlgorithm.allCases)
  func chainsHoldForTheirPurposeOnly(algorithm: KeyAlgorithm) throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, algorithm: algorithm)
    let wrong = "unsuitable certificate purpose"
    #expect(self.verify("-purpose sslclient", "admin.crt", in: folder) == "admin.crt: OK\n")
    #expect(self.verify("-purpose sslserver", "server.crt", in: folder) == "server.crt: OK\n")
    #expect(self.verify("-purpose sslserver", "admin.crt", in: folder).contains(wrong))
    #expect(self.verify("-purpose sslclient", "server.crt", in: folder).contains(wrong))
  }

  @Test func namesAndAddressesHold() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    #expect(
      self.verify("-verify_hostname localhost", "server.crt", in: folder) == "server.crt: OK\n")
    #expect(self.verify("-verify_ip ::1", "server.crt", in: folder) == "server.crt: OK\n")
    #expect(
      self.verify("-verify_hostname other", "server.crt", in: folder).contains("hostname mismatch"))
  }

  @Test func nobodySignsBelowALeaf() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    let made = shell(
      "cd '\(folder.file("certs"))' && openssl req -new -nodes -newkey ed25519 -keyout e.key"
        + " -subj /CN=evil -out e.csr && openssl x509 -req -in e.csr -CA admin.crt -CAkey admin.key"
        + " -out evil.crt")
    #expect(made.status == 0, "\(made.output)")
    #expect(self.verify("-untrusted admin.crt", "evil.crt", in: folder).contains("error"))
  }

  @Test func revocationIsHonoured() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    _ = try ca.issueUser(name: "alice", roles: ["user"])
    _ = try ca.revoke(name: "alice")
    let crl = "-crl_check -CRLfile ca.crl"
    #expect(self.verify(crl, "alice.crt", in: folder).contains("certificate revoked"))
    #expect(self.verify(crl, "admin.crt", in: folder) == "admin.crt: OK\n")
    _ = try ca.revoke(name: "admin")
    #expect(self.verify(crl, "admin.crt", in: folder).contains("certificate revoked"))
    #expect(self.verify(crl, "server.crt", in: folder) == "server.crt: OK\n")
  }

  @Test func theTextFormSaysWhatWeMeant() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let serial = try ca.issueUser(name: "alice", roles: ["user", "viewer"]).summary.serial
    let text = shell(
      "openssl x509 -in '\(folder.file("certs/alice.crt"))' -noout -text -serial -subject"
        + " -nameopt RFC2253"
    ).output
    for line in [
      "Version: 3 (0x2)", "serial=\(serial)", "subject=CN=alice,O=viewer,O=user",
      "X509v3 Basic Constraints: critical\n                CA:FALSE",
      "X509v3 Key Usage: critical\n                Digital Signature\n",
      "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
      "URI:spiffe://worker.local/user/alice\n", "Signature Algorithm: ecdsa-with-SHA256",
    ] {
      #expect(text.contains(line), "\(line) is not in \(text)")
    }
  }

  @Test func keysAreOfTheirCertificates() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    for name in ["ca", "server", "admin"] {
      let path = folder.file("certs/\(name)")
      let ofKey = shell("openssl pkey -in '\(path).key' -pubout")
      #expect(ofKey.status == 0)
      #expect(ofKey.output == shell("openssl x509 -in '\(path).crt' -noout -pubkey").output)
    }
  }

  @Test(.requiresCertTool) func certtoolAgrees() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    for name in ["server", "admin"] {
      let answer = shell(
        "cd '\(folder.file("certs"))' && certtool --verify --load-ca-certificate ca.crt"
          + " --infile \(name).crt")
      #expect(answer.status == 0, "\(answer.output)")
    }
  }
}
