import ArgumentParser

/// `worker audit`
struct AuditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Look after the files that worker serve --audit writes.",
    discussion: "EXAMPLE: worker audit verify /var/log/worker/audit.log",
    subcommands: [AuditVerifyCommand.self])
}
