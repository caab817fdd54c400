import ArgumentParser
import JobServer
import PKI

/// `worker pki issue`
struct PKIIssueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue",
    abstract: "Issue a certificate to a user, or to a server.",
    discussion: """
      Roles: admin (everything), user (own jobs), viewer (see everything, change nothing).

      EXAMPLE: worker pki issue alice --role user --certs certs
      """)

  @Argument(help: "The name: the files are NAME.crt and NAME.key.") var name: String
  @Option(help: "A role of the user; repeatable.") var role: [String] = []
  @Flag(help: "For a server.") var server = false
  @Option(help: "A name or address of the server; repeatable.") var host: [String] = []
  @Option(parsing: .unconditional, help: "How many days it is valid. \(Lifetimes.usual)") var days:
    Int?
  @Option(help: "The kind of key: p256, p384 or ed25519. (default: the authority's)")
  var algorithm: KeyAlgorithm?
  @Option(
    name: [.customLong("csr"), .customLong("request")],
    help: "A certificate request (PEM) whose key to certify; the key stays where it is.")
  var request: String?
  @Flag(help: "Replace NAME.crt and NAME.key.") var force = false
  @Flag(help: "Print what was made as JSON.") var json = false
  @OptionGroup var folder: PKIFolder

  func validate() throws {
    if self.server, !self.role.isEmpty { throw ValidationError("a server has no --role") }
    if !self.server, !self.host.isEmpty { throw ValidationError("--host goes with --server") }
    if !self.server, self.role.isEmpty {
      throw ValidationError("--role is missing: admin, user or viewer")
    }
  }

  /// Certificates outlive versions, so that a role of another one is no mistake for sure.
  static func warning(of roles: [String]) -> String? {
    let known = Policy.builtIn.names
    let unknown = roles.filter { !known.contains($0) }
    guard !unknown.isEmpty else { return nil }
    return "warning: without a policy file the server knows the roles "
      + known.joined(separator: ", ") + ", not " + unknown.joined(separator: ", ")
  }

  func run() throws {
    let authority = try CertificateAuthority(folder: self.folder.path)
    let issued =
      if self.server {
        try authority.issueServer(
          name: self.name, hosts: self.host, days: self.days ?? Lifetimes().server,
          algorithm: self.algorithm, request: self.request, overwrite: self.force)
      } else {
        try authority.issueUser(
          name: self.name, roles: self.role, days: self.days ?? Lifetimes().user,
          algorithm: self.algorithm, request: self.request, overwrite: self.force)
      }
    // Now, as where nothing was issued there is only that to be told.
    if let warning = Self.warning(of: self.role) { Message.print(warning) }
    try CertificatePrinter(json: self.json).print([issued])
  }
}

extension Lifetimes {
  /// For the help of `--days`.
  static let usual = "(default: \(Lifetimes().user), of a server \(Lifetimes().server))"
}
