import ArgumentParser
import JobAPI
import JobClient

/// `worker rm`
struct RemoveCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract: "Forget finished jobs and free their disk.",
    discussion: "EXAMPLE: worker rm --finished")

  @Argument(help: "Ids, prefixes of ids, or names.") var jobs: [String] = []
  @Flag(help: "All finished jobs that you may remove.") var finished = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func validate() throws {
    guard self.jobs.isEmpty == self.finished else {
      throw ValidationError("give either jobs or --finished")
    }
  }

  func run(_ session: Session) async throws -> Int32 {
    var jobs = self.jobs
    if self.finished { jobs = try await session.client.list(states: [.finished]).map(\.id) }
    return await JobBatch.each(jobs) { try await session.client.remove($0) }.tellFailures()
  }
}
