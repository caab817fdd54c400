import ArgumentParser

/// `worker pki`
struct PKICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pki",
    abstract: "Make and look after certificates: a private authority in a folder.",
    discussion: """
      EXAMPLE:
        worker pki init certs --host build1.example.org
        worker pki issue alice --role user --certs certs
      """,
    subcommands: [
      PKIInitCommand.self, PKIIssueCommand.self, PKIRenewCommand.self, PKIRevokeCommand.self,
      PKIShowCommand.self,
    ])
}

/// Which certificate folder; for all verbs of `pki` but `init`.
struct PKIFolder: ParsableArguments {
  @Option(help: "The certificate folder. (WORKER_CERTS; default: certs)")
  var certs: String?

  var path: String { self.certs ?? Environment.process["WORKER_CERTS"] ?? "certs" }
}
