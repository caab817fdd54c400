import Foundation
import GRPCNghttp2

/// Certificates in a temporary folder, made by the `openssl` program once a test run.
struct TestCertificates: Sendable {
  let directory: String

  /// What one certificate is to say.
  struct Wish: Sendable {
    var subject: String
    var alternativeNames: String
    var usage: String
    var keyUsage = "digitalSignature"
    var days = "1"
    var notBefore: String?
    var notAfter: String?
    var digest = "sha256"
    var isAuthority = false
  }

  static let shared: TestCertificates = {
    do {
      atexit { try? FileManager.default.removeItem(atPath: TestCertificates.shared.directory) }
      return try TestCertificates()
    } catch {
      fatalError("cannot make certificates: \(error)")
    }
  }()

  private init() throws {
    let path = NSTemporaryDirectory() + "grpc-nghttp2-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    self.directory = path
    try self.makeAuthority("ca", subject: "/CN=Test CA")
    try self.makeAuthority("other-ca", subject: "/CN=Other CA")
    let server = Wish(
      subject: "/CN=server", alternativeNames: "DNS:localhost,IP:127.0.0.1,IP:::1",
      usage: "serverAuth")
    let alice = Wish(
      subject: "/O=user/O=viewer/CN=alice",
      alternativeNames: "URI:spiffe://example.org/user/alice", usage: "clientAuth")
    try self.issue("server", server, authority: "ca")
    try self.issue("alice", alice, authority: "ca")
    try self.issue("mallory", alice, authority: "other-ca")
    try self.issue("other-server", server, authority: "other-ca")
    var elsewhere = server
    elsewhere.alternativeNames = "DNS:elsewhere.example"
    try self.issue("elsewhere", elsewhere, authority: "ca")
    var noUsage = alice
    noUsage.usage = ""
    try self.issue("no-usage", noUsage, authority: "ca")
    var old = alice
    old.notBefore = "20200101000000Z"
    old.notAfter = "20200201000000Z"
    try self.issue("expired", old, authority: "ca")
    old.usage = "serverAuth"
    old.alternativeNames = server.alternativeNames
    try self.issue("expired-server", old, authority: "ca")
    var early = alice
    early.notBefore = "20900101000000Z"
    early.notAfter = "20910101000000Z"
    try self.issue("early", early, authority: "ca")
    var intermediate = alice
    intermediate.isAuthority = true
    try self.issue("intermediate", intermediate, authority: "ca")
    var unsigning = alice
    unsigning.keyUsage = "keyAgreement"
    try self.issue("unsigning", unsigning, authority: "ca")
    unsigning.usage = "serverAuth"
    unsigning.alternativeNames = server.alternativeNames
    try self.issue("unsigning-server", unsigning, authority: "ca")
    try self.makeChain(server)
    var broken = alice
    broken.digest = "sha1"
    try self.issue("sha1", broken, authority: "ca")
    try self.makeAuthority("weak-ca", subject: "/CN=Weak CA", key: Self.weakKey)
    try self.issue("weak", alice, authority: "weak-ca")
    var bob = alice
    bob.subject = "/O=user/CN=bob"
    bob.alternativeNames = "URI:spiffe://example.org/user/bob"
    try self.issue("bob", bob, authority: "ca")
    try self.issue("revoked", alice, authority: "ca")
    try self.makeRevocationList("ca.crl", revoking: "revoked")
    try self.issue("retired", server, authority: "ca")
    try self.makeRevocationList("retired.crl", revoking: "retired")
  }

  func path(_ name: String) -> String { "\(self.directory)/\(name)" }

  /// The identity `name`, trusting `authority`.
  func configuration(_ name: String, trusting authority: String = "ca") -> TLSConfiguration {
    TLSConfiguration(
      trustRoots: self.path("\(authority).crt"), certificateChain: self.path("\(name).crt"),
      privateKey: self.path("\(name).key"))
  }

  private static let goodKey = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
  private static let weakKey = ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]

  private func makeAuthority(
    _ name: String, subject: String, key: [String] = goodKey
  ) throws {
    try self.makeKey(name, key)
    try self.run([
      "req", "-x509", "-new", "-key", "\(name).key", "-subj", subject, "-days", "1", "-sha256",
      "-addext", "basicConstraints=critical,CA:TRUE",
      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
      "-out", "\(name).crt",
    ])
    try Data().write(to: URL(fileURLWithPath: self.path("\(name).index")))
  }

  private func issue(_ name: String, _ wish: Wish, authority: String) throws {
    try self.makeKey(name)
    try self.run([
      "req", "-new", "-key", "\(name).key", "-subj", wish.subject, "-out", "\(name).csr",
    ])
    var extensions = "[x]\nsubjectAltName=\(wish.alternativeNames)\nkeyUsage=\(wish.keyUsage)\n"
    if wish.isAuthority { extensions += "basicConstraints=critical,CA:TRUE\n" }
    if !wish.usage.isEmpty { extensions += "extendedKeyUsage=\(wish.usage)\n" }
    let configuration = """
      [ca]
      default_ca=d
      [d]
      database=\(authority).index
      new_certs_dir=.
      rand_serial=yes
      unique_subject=no
      default_md=\(wish.digest)
      policy=p
      [p]
      countryName=optional
      organizationName=optional
      commonName=optional
      \(extensions)
      """
    try Data(configuration.utf8).write(to: URL(fileURLWithPath: self.path("\(name).cnf")))
    var arguments = [
      "ca", "-batch", "-notext", "-preserveDN", "-config", "\(name).cnf", "-extensions", "x",
      "-cert", "\(authority).crt", "-keyfile", "\(authority).key", "-in", "\(name).csr",
      "-out", "\(name).crt",
    ]
    if let before = wish.notBefore, let after = wish.notAfter {
      arguments += ["-startdate", before, "-enddate", after]
    } else {
      arguments += ["-days", wish.days]
    }
    try self.run(arguments)
  }

  /// `chained`, a server's certificate of an intermediate authority, with that one's behind it, and
  /// `unchained` without.
  private func makeChain(_ server: Wish) throws {
    var middle = Wish(subject: "/CN=Middle CA", alternativeNames: "DNS:middle", usage: "")
    middle.isAuthority = true
    middle.keyUsage = "keyCertSign"
    try self.issue("middle", middle, authority: "ca")
    try Data().write(to: URL(fileURLWithPath: self.path("middle.index")))
    var authority = server
    authority.isAuthority = true
    try self.issue("server-authority", authority, authority: "ca")
    try self.issue("chained", server, authority: "middle")
    let own = try String(contentsOfFile: self.path("chained.crt"), encoding: .utf8)
    let above = try String(contentsOfFile: self.path("middle.crt"), encoding: .utf8)
    try Data(own.utf8).write(to: URL(fileURLWithPath: self.path("unchained.crt")))
    try FileManager.default.copyItem(
      atPath: self.path("chained.key"), toPath: self.path("unchained.key"))
    try Data((own + above).utf8).write(to: URL(fileURLWithPath: self.path("chained.crt")))
    let other = try String(contentsOfFile: self.path("other-ca.crt"), encoding: .utf8)
    let root = try String(contentsOfFile: self.path("ca.crt"), encoding: .utf8)
    try Data((other + root).utf8).write(to: URL(fileURLWithPath: self.path("both.crt")))
  }

  private func makeRevocationList(_ file: String, revoking name: String) throws {
    let authority = [
      "ca", "-config", "\(name).cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-md", "sha256",
    ]
    try self.run(authority + ["-revoke", "\(name).crt"])
    try self.run(authority + ["-gencrl", "-crldays", "1", "-out", file])
  }

  private func makeKey(_ name: String, _ kind: [String] = goodKey) throws {
    try self.run(["genpkey", "-out", "\(name).key", "-algorithm"] + kind)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: self.path("\(name).key"))
  }

  private func run(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: self.directory)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(text: String(decoding: text, as: UTF8.self))
    }
  }

  struct Failure: Error { let text: String }
}
