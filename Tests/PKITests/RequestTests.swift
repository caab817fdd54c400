import Testing

@testable import PKI

/// Certificate requests of users who keep their key, made by the openssl command.
@Suite(.requiresOpenSSL) struct RequestTests {
  private func request(_ kind: String, in folder: TemporaryFolder) -> String {
    let path = folder.file("alice.csr")
    let made = shell(
      "openssl req -new -nodes -newkey \(kind) -keyout '\(folder.file("own.key"))' -out '\(path)'"
        + " -subj '/O=admin/CN=mallory' -addext 'subjectAltName=URI:spiffe://worker.local/user/x'")
    #expect(made.status == 0, "\(made.output)")
    return path
  }

  @Test(arguments: [
    "ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-384", "ed25519",
    "rsa:2048",
  ])
  func onlyTheKeyIsTaken(kind: String) throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let path = self.request(kind, in: folder)
    let issued = try ca.issueUser(name: "alice", roles: ["user"], request: path)
    #expect(issued.keyPath == nil)
    #expect(issued.summary.roles == ["user"])
    #expect(issued.summary.identity == "spiffe://worker.local/user/alice")
    #expect(!folder.names().contains("certs/alice.key"))
    let own = try Key(file: "own.key", in: CertificateFolder(opening: folder.path))
    #expect(try load("alice.crt", in: folder).matches(own))
  }

  @Test(arguments: [
    ("rsa:1024", "RSA with 1024 bits is refused"),
    ("ec -pkeyopt ec_paramgen_curve:secp256k1", "EC 256 is refused"),
    ("ec -pkeyopt ec_paramgen_curve:P-224", "EC 224 is refused"),
  ])
  func weakAndUnusualKeysAreRefused(kind: String, reason: String) throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let path = self.request(kind, in: folder)
    let error = try failure {
      _ = try ca.issueUser(name: "alice", roles: ["user"], request: path)
    }
    #expect(error.path == path)
    #expect(error.reason.hasPrefix(reason))
    #expect(!folder.names().contains("certs/alice.crt"))
  }

  @Test func aRequestSignedByAnotherKeyIsRefused() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let path = self.request("ed25519", in: folder)
    // In DER an Ed25519 request ends with the 64 bytes of its signature.
    let broken = shell(
      "cd '\(folder.path)' && openssl req -in alice.csr -outform DER -out a.der"
        + " && printf '\\0\\0\\0\\0' | dd of=a.der bs=1 conv=notrunc status=none"
        + " seek=$(($(wc -c < a.der) - 40))"
        + " && openssl req -inform DER -in a.der -out alice.csr")
    #expect(broken.status == 0, "\(broken.output)")
    let error = try failure {
      _ = try ca.issueUser(name: "alice", roles: ["user"], request: path)
    }
    #expect(error.reason == "its signature does not fit the key it asks for")
  }

  @Test func junkIsNoRequest() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    try folder.write("junk", to: "alice.csr")
    let error = try failure {
      _ = try ca.issueUser(name: "alice", roles: ["user"], request: folder.file("alice.csr"))
    }
    #expect(error.reason == "holds no PEM certificate request")
  }

  @Test func aRequestBesideAnotherKeyIsRefusedEvenByForce() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let path = self.request("ed25519", in: folder)
    _ = try ca.issueUser(name: "alice", roles: ["user"])
    let before = folder.read("certs/alice.crt")
    let error = try failure {
      _ = try ca.issueUser(name: "alice", roles: ["user"], request: path, overwrite: true)
    }
    #expect(error.reason == "is another key than the request's, move it away first")
    #expect(folder.read("certs/alice.crt") == before)
  }

  @Test func aCertificateByRequestIsRenewedWithoutItsKey() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let path = self.request("ed25519", in: folder)
    _ = try ca.issueUser(name: "alice", roles: ["user"], request: path)
    _ = try ca.renew(name: "alice")
    let own = try Key(file: "own.key", in: CertificateFolder(opening: folder.path))
    #expect(try load("alice.crt", in: folder).matches(own))
  }
}
