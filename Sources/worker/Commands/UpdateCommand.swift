import ArgumentParser
import JobAPI
import JobClient

/// `worker update`
struct UpdateCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "update",
    abstract: "Change limits of a job that runs: all of those given, or none.",
    discussion: """
      Limits that are not given stay as they are. Prints what the kernel holds then. A memory limit \
      below what the job holds is refused; a limit of processes below what there are keeps new ones \
      from being made.

      EXAMPLE: worker update build --memory 512M --cpu 2
      """)

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @OptionGroup(title: "Limits") var limit: LimitOptions
  @Flag(help: "Print the job as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func validate() throws {
    guard self.limit.message != Worker_V1_Limits() else {
      throw ValidationError("nothing to change: give at least one limit, as --memory 512M")
    }
  }

  func run(_ session: Session) async throws -> Int32 {
    let job = try await session.client.update(self.job, self.limit.message)
    try StandardStream.stdout.write(self.json ? try JSON.text(job) : Self.text(job))
    return ExitCode.success
  }

  /// As `status` shows them.
  static func text(_ job: Worker_V1_Job) -> String {
    job.applied.sorted { $0.key < $1.key }.map { name, limit in
      Printable.escaped(LimitNotes.line(name, limit)) + "\n"
    }.joined()
  }
}
