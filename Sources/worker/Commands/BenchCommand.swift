import ArgumentParser
import JobAPI
import JobClient
import Linux

/// `worker bench`: measures, for those who work on worker.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure.",
    discussion: "EXAMPLE: worker bench start --count 100 -- /bin/true",
    shouldDisplay: false,
    subcommands: [BenchStartCommand.self, BenchFollowCommand.self])
}

/// `worker bench start`
struct BenchStartCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract:
      "Time starts, one after another over one connection; prints microseconds, one a line.",
    discussion: "EXAMPLE: worker bench start --count 100 --memory 64M -- /bin/true",
    shouldDisplay: false)

  @Option(help: "How many.") var count = 100
  @Option(
    parsing: .unconditional,
    help: "Time between the end of one and the start of the next.", transform: Values.duration)
  var pause: Duration = .zero
  @OptionGroup(title: "Job Options") var job: JobOptions
  @Flag(help: "Print them as a JSON array.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    var spec = self.job.spec
    if spec.command.isEmpty { spec.command = ["true"] }
    _ = try await session.client.serverInfo()  // connects, which is not what is measured
    var samples: [Int64] = []
    for _ in 0..<self.count {
      if self.pause > .zero { try await session.pause(self.pause) }
      let before = Clock.monotonic()
      let job = try await session.client.start(spec)
      samples.append((Clock.monotonic() - before) / 1000)
      // So that the ends of earlier jobs do not disturb the next start.
      _ = try await session.client.wait(job.id)
    }
    let text = samples.map(String.init)
    try StandardStream.stdout.write(
      self.json ? "[\(text.joined(separator: ","))]\n" : text.map { "\($0)\n" }.joined())
    return ExitCode.success
  }
}
