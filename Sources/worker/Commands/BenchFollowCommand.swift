import ArgumentParser
import JobAPI
import JobClient
import Linux

/// `worker bench follow`
struct BenchFollowCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow",
    abstract: "Follow a job many times over one connection; prints the bytes that came in all.",
    discussion: "EXAMPLE: worker bench follow --count 100 build",
    shouldDisplay: false)

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Option(help: "How many followers.") var count = 100
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let total = Lock(0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<self.count {
        group.addTask {
          let request = OutputRequest(job: self.job)
          _ = try await session.client.output(of: request) { chunk in
            total.withLock { $0 += chunk.data.count }
          }
        }
      }
      try await group.waitForAll()
    }
    try StandardStream.stdout.write("\(total.withLock { $0 })\n")
    return ExitCode.success
  }
}
