import ArgumentParser
import JobAPI
import JobClient

/// `worker start`
struct StartCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a job and print its id.",
    discussion: """
      Answers once the program has been executed. The job goes on without this client.

      EXAMPLE: id=$(worker start --name build --label branch=main -- /bin/sleep 60)
      """)

  @OptionGroup(title: "Job Options") var job: JobOptions
  @OptionGroup(title: "Connection") var connection: ConnectionOptions
  @Flag(help: "Print the job, or the plan, as JSON.") var json = false

  func validate() throws { try self.job.requireCommand() }

  func run(_ session: Session) async throws -> Int32 {
    if self.job.plan { return try await session.tellPlan(self.job.spec, json: self.json) }
    let job = try await session.client.start(self.job.spec)
    LimitNotes(job).print()
    let text = self.json ? try JSON.text(job) : "\(job.id)\n"
    do throws(Failure) { try StandardStream.stdout.write(text) } catch {
      throw Failure("\(error.description); job \(job.id) was started", code: error.code)
    }
    return ExitCode.success
  }
}
