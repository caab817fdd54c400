import ArgumentParser
import JobAPI
import JobClient

/// `worker stop`
struct StopCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop",
    abstract: "Stop jobs: a signal, time to react, then the end of every process.",
    discussion: """
      Answers when they are gone. Stopping a finished job is no error.

      EXAMPLE: worker stop build --grace 30s
      """)

  @Argument(help: "Ids, prefixes of ids, or names.") var jobs: [String]
  @Option(help: "The signal sent first. (default: TERM)", transform: Values.signal)
  var signal = "TERM"
  @Option(
    parsing: .unconditional, help: "Time until all that is left is killed. (default: 10s)",
    transform: Values.duration)
  var grace: Duration = .seconds(10)
  @Flag(help: "Print the jobs as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let outcomes = await JobBatch.each(self.jobs) { job in
      try await session.client.stop(job, signal: self.signal, grace: self.grace)
    }
    if self.json { try StandardStream.stdout.write(try JSON.text(outcomes.successes)) }
    return outcomes.tellFailures()
  }
}
