import ArgumentParser
import JobAPI
import JobClient

/// `worker resume`
struct ResumeCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let paused jobs go on.",
    discussion: "EXAMPLE: worker resume build")

  @Argument(help: "Ids, prefixes of ids, or names.") var jobs: [String]
  @Flag(help: "Print the jobs as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let outcomes = await JobBatch.each(self.jobs) { try await session.client.resume($0) }
    if self.json { try StandardStream.stdout.write(try JSON.text(outcomes.successes)) }
    return outcomes.tellFailures()
  }
}
