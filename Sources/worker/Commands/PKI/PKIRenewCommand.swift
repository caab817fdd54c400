import ArgumentParser
import PKI

/// `worker pki renew`
struct PKIRenewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "renew",
    abstract: "Issue a certificate again, for the same name, roles and hosts.",
    discussion: "EXAMPLE: worker pki renew alice --days 30")

  @Argument(help: "The name, as in NAME.crt.") var name: String
  @Option(parsing: .unconditional, help: "How many days it is valid. \(Lifetimes.usual)") var days:
    Int?
  @Flag(help: "Make a new key too.") var newKey = false
  @Flag(help: "Print what was made as JSON.") var json = false
  @OptionGroup var folder: PKIFolder

  func run() throws {
    let authority = try CertificateAuthority(folder: self.folder.path)
    let issued = try authority.renew(name: self.name, days: self.days, newKey: self.newKey)
    try CertificatePrinter(json: self.json).print([issued])
  }
}
