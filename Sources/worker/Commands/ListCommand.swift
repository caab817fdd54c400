import ArgumentParser
import JobAPI
import JobClient
import Linux

/// `worker list`
struct ListCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List jobs: those that have not finished, or all.",
    discussion: "EXAMPLE: worker list --all --label branch=main",
    aliases: ["ps"])

  @Flag(help: "Finished jobs too.") var all = false
  @Option(
    help: "Only jobs in this state: starting, running, stopping or finished; repeatable.",
    transform: Self.state)
  var state: [Worker_V1_JobState] = []
  @Option(help: "Only jobs with this label K=V; repeatable.", transform: Values.pair)
  var label: [Pair] = []
  @Flag(help: "Print the jobs as a JSON array.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let jobs = try await session.client.list(states: self.states, labels: self.label.dictionary)
    let text =
      self.json
      ? try JSON.text(jobs)
      : JobTable(jobs, now: Clock.wall()).text(bold: StandardStream.stdout.hasColour)
    try StandardStream.stdout.write(text)
    return ExitCode.success
  }

  private var states: [Worker_V1_JobState] {
    if !self.state.isEmpty { return self.state }
    return self.all ? [] : [.starting, .running, .stopping]
  }

  static func state(_ text: String) throws -> Worker_V1_JobState {
    switch text.lowercased() {
    case "starting": return .starting
    case "running": return .running
    case "stopping": return .stopping
    case "finished": return .finished
    default: throw ValueError(description: "give starting, running, stopping or finished")
    }
  }
}
