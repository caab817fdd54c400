import ArgumentParser
import PKI

/// `worker pki revoke`
struct PKIRevokeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Take back every certificate of a name, or one by its serial number.",
    discussion: """
      Writes ca.crl; a server reads it when it starts and when it changes.

      EXAMPLE: worker pki revoke alice
      """)

  @Argument(help: "The name, as in NAME.crt.") var name: String?
  @Option(help: "A serial number, as show prints it.") var serial: String?
  @Flag(help: "Print what was revoked as JSON.") var json = false
  @OptionGroup var folder: PKIFolder

  func validate() throws {
    guard (self.name == nil) != (self.serial == nil) else {
      throw ValidationError("give either a name or --serial")
    }
  }

  func run() throws {
    let authority = try CertificateAuthority(folder: self.folder.path)
    let revocation =
      if let serial { try authority.revoke(serial: serial) } else {
        try authority.revoke(name: self.name ?? "")
      }
    try CertificatePrinter(json: self.json).print(revocation.revoked)
    if revocation.revoked.isEmpty { Message.print("revoked already, nothing changed") }
    Message.print("servers need \(revocation.listPath): copy it into their certificate folders")
  }
}
