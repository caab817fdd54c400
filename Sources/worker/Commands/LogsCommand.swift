import ArgumentParser
import JobAPI
import JobClient
import Linux

/// `worker logs`
struct LogsCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Write a job's output: its stdout to stdout, its stderr to stderr.",
    discussion: """
      From the first byte, or as the options say. With --follow until the job has ended.

      EXAMPLE: worker logs build --follow --tail 20
      """)

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Flag(name: .shortAndLong, help: "Go on until the job has ended.") var follow = false
  @Option(help: "Begin with the last N lines of what is there.") var tail: Int?
  @Option(
    help: "Only what was written since: a time as 2026-01-31T12:00:00Z, or so long ago as 10m.",
    transform: Moment.parse)
  var since: Moment?
  @Flag(help: "Put the time in front of every line.") var timestamps = false
  @Flag(help: "Only stdout.") var stdout = false
  @Flag(help: "Only stderr.") var stderr = false
  @Option(help: "Go on behind this place, the cursor of a chunk of the API.") var from: String?
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative, got \(tail)") }
  }

  func run(_ session: Session) async throws -> Int32 {
    let printer = OutputPrinter(
      writer: session.output, since: self.since?.resolve(now: Clock.wall()),
      timestamps: self.timestamps)
    var request = OutputRequest(
      job: self.job, cursor: self.from, follow: self.follow, streams: self.streams)
    if let tail {
      request.follow = false
      let last = Lock(Tail(lines: tail))
      let end = try await session.client.output(of: request) { chunk in
        if printer.isWanted(chunk) { last.withLock { $0.append(chunk) } }
      }
      for piece in last.withLock({ $0.result }) { try await printer.print(piece) }
      guard self.follow, !end.hasJob else { return ExitCode.success }
      request.follow = true
      request.cursor = end.cursor
    }
    _ = try await session.client.output(
      of: request, onGap: { try await session.output.tell($0) },
      onChunk: { try await printer.print($0) })
    return ExitCode.success
  }

  private var streams: Set<Worker_V1_OutputStream> {
    switch (self.stdout, self.stderr) {
    case (true, false): [.stdout]
    case (false, true): [.stderr]
    default: []
    }
  }
}
