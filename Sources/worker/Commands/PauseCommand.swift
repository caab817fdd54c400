import ArgumentParser
import JobAPI
import JobClient

/// `worker pause`
struct PauseCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Freeze jobs: every process stops where it is.",
    discussion: """
      A paused job uses no processor time and keeps its memory. Its --timeout goes on; stop ends it \
      as any other job; a signal reaches it when it is resumed, KILL at once. Pausing a paused job is \
      no error.

      EXAMPLE: worker pause build
      """)

  @Argument(help: "Ids, prefixes of ids, or names.") var jobs: [String]
  @Flag(help: "Print the jobs as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let outcomes = await JobBatch.each(self.jobs) { try await session.client.pause($0) }
    if self.json { try StandardStream.stdout.write(try JSON.text(outcomes.successes)) }
    return outcomes.tellFailures()
  }
}
