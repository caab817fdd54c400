import ArgumentParser
import JobClient

/// `worker signal`
struct SignalCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "signal",
    abstract: "Send a signal to a job's process group.",
    discussion: "EXAMPLE: worker signal build HUP")

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Argument(help: "The signal's name or number.", transform: Values.signal) var signal: String
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    try await session.client.signal(self.job, self.signal)
    return ExitCode.success
  }
}
