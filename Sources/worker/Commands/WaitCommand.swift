import ArgumentParser
import JobAPI
import JobClient

/// `worker wait`
struct WaitCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait",
    abstract: "Wait until jobs have finished; exit with the first code that is not 0.",
    discussion: "EXAMPLE: worker wait build test && echo both went well")

  @Argument(help: "Ids, prefixes of ids, or names.") var jobs: [String]
  @Flag(help: "Print the jobs as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let outcomes = await JobBatch.each(self.jobs) { try await session.client.wait($0) }
    if self.json { try StandardStream.stdout.write(try JSON.text(outcomes.successes)) }
    var code = ExitCode.success
    for result in outcomes.results {
      let ended: Int32
      switch result {
      case .success(let job):
        let ending = JobEnding(job)
        if let message = ending.message { Message.print(message) }
        ended = ending.code
      case .failure(let failure):
        Message.print(failure.description)
        ended = failure.code
      }
      if code == ExitCode.success { code = ended }
    }
    return code
  }
}
