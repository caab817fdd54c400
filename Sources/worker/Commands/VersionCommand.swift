import ArgumentParser

/// `worker version`
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version",
    abstract: "Print the version of this program.",
    discussion: "EXAMPLE: worker version --json")

  @Flag(help: "Print it as JSON.") var json = false

  func run() throws {
    let text = self.json ? try JSON.text(["version": .init(Version.current)]) : Version.current
    try StandardStream.stdout.write(self.json ? text : "worker \(text)\n")
  }
}
