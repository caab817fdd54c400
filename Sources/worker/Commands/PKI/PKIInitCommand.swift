import ArgumentParser
import PKI

/// `worker pki init`
struct PKIInitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make an authority, a server's certificate and the identity admin.",
    discussion: """
      The server's certificate is for localhost, 127.0.0.1, ::1, this host's name and every --host.

      EXAMPLE: worker pki init certs --host build1.example.org
      """)

  @Argument(help: "The folder; made when missing.") var folder: String
  @Option(help: "One more name or address of the server; repeatable.") var host: [String] = []
  @Option(help: "The trust domain of the identities.")
  var trustDomain = CertificateAuthority.defaultTrustDomain
  @Option(help: "The kind of keys: p256, p384 or ed25519.") var algorithm = KeyAlgorithm.p256
  @Flag(help: "Replace what is there.") var force = false
  @Flag(help: "Print what was made as JSON.") var json = false

  func run() throws {
    let issued = try CertificateAuthority.initialize(
      folder: self.folder, trustDomain: self.trustDomain, hosts: self.host,
      algorithm: self.algorithm, overwrite: self.force)
    try CertificatePrinter(json: self.json).print(issued)
  }
}

extension KeyAlgorithm: ExpressibleByArgument {}
