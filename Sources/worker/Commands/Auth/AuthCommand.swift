import ArgumentParser

/// `worker auth`
struct AuthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "auth",
    abstract: "Tell who one is to the server, and what one may do.",
    discussion: """
      EXAMPLE:
        worker auth whoami
        worker auth can-i stop nightly
      """,
    subcommands: [AuthWhoAmICommand.self, AuthCanICommand.self])
}
