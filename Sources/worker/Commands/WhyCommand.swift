import ArgumentParser
import JobAPI
import JobClient

/// `worker why`
struct WhyCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Tell how and why a job ended, and what that rests on.",
    discussion: "EXAMPLE: worker why build")

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Flag(help: "Print the verdict as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let job = try await session.client.get(self.job)
    guard job.hasExit else {
      throw Failure("job \(job.id) has not ended: it is \(JobPage.name(job.state))")
    }
    let lines = [job.exit.message] + job.exit.evidence.map { "  \($0)" }
    let text = lines.map { Printable.escaped($0) + "\n" }.joined()
    try StandardStream.stdout.write(self.json ? try JSON.text(job.exit) : text)
    return ExitCode.success
  }
}
