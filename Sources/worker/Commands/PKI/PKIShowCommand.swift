import ArgumentParser
import PKI

/// `worker pki show`
struct PKIShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "List the certificates in a folder and what they are good for.",
    discussion: "EXAMPLE: worker pki show --certs certs")

  @Flag(help: "Print them as a JSON array.") var json = false
  @OptionGroup var folder: PKIFolder

  func run() throws {
    try CertificatePrinter(json: self.json).print(try summaries(folder: self.folder.path))
  }
}
