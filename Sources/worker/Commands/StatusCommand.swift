import ArgumentParser
import JobClient

/// `worker status`
struct StatusCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show what is known of a job.",
    discussion: "EXAMPLE: worker status build --json")

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Flag(help: "Print the job as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let job = try await session.client.get(self.job)
    try StandardStream.stdout.write(self.json ? try JSON.text(job) : JobPage(job).text)
    return ExitCode.success
  }
}
