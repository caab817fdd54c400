import ArgumentParser
import JobAPI
import JobClient
import Linux

/// `worker bench follow`
struct BenchFollowCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow",
    abstract: "Follow a job many times over one connection; prints the bytes that came in all.",
    discussion: """
      Says 'following' on stderr once every follower has got something.

      EXAMPLE: worker bench follow --count 100 build
      """,
    shouldDisplay: false)

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Option(help: "How many followers.") var count = 100
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let (total, silent) = (Lock(0), Lock(self.count))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<self.count {
        group.addTask {
          let request = OutputRequest(job: self.job)
          _ = try await session.client.output(of: request) { chunk in
            total.withLock { $0 += chunk.data.count }
            guard chunk.offset == 0 else { return }
            let left = silent.withLock {
              $0 -= 1
              return $0
            }
            if left == 0 { Message.print("following") }
          }
        }
      }
      try await group.waitForAll()
    }
    try StandardStream.stdout.write("\(total.withLock { $0 })\n")
    return ExitCode.success
  }
}
