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
      From the first byte, or as the options say; both streams in the order in which the job wrote \
      them. With --follow until the job has ended. A connection that is lost is made again, and each byte \
      comes out once; output that is not complete is told, with exit code 125.

      EXAMPLE: worker logs build --follow --tail 20
      """)

  @Argument(help: "An id, a prefix of one, or a name.") var job: String
  @Flag(name: .shortAndLong, help: "Go on until the job has ended.") var follow = false
  @Option(parsing: .unconditional, help: "Begin with the last N lines of what is there.") var tail:
    Int?
  @Option(
    help: "Only what was written since: a time as 2026-01-31T12:00:00Z, or so long ago as 10m.",
    transform: Moment.parse)
  var since: Moment?
  @Flag(help: "Put the time in front of every line.") var timestamps = false
  @Flag(help: "Only stdout.") var stdout = false
  @Flag(help: "Only stderr.") var stderr = false
  @Flag(help: "Write nothing, but check all of it, and say what was checked.") var verify = false
  @Option(help: "Go on behind this place, the cursor of a chunk of the API.") var from: String?
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func validate() throws {
    if let tail, tail < 0 { throw ValidationError("--tail must not be negative, got \(tail)") }
    if self.from == "" { throw ValidationError("--from '' is no cursor: give one that was sent") }
    if self.from != nil, self.tail != nil || self.since != nil {
      throw ValidationError("--from says where to begin: leave out --tail and --since")
    }
    if self.verify,
      self.follow || self.timestamps || self.from != nil || self.tail != nil
        || self.since != nil || self.stdout || self.stderr
    {
      throw ValidationError("--verify checks all of the output: leave out the other options")
    }
  }

  func run(_ session: Session) async throws -> Int32 {
    if self.verify { return try await Verification.run(self.job, session) }
    let printer = OutputPrinter(writer: session.output, timestamps: self.timestamps)
    var request = OutputRequest(
      job: self.job, cursor: self.from, follow: self.follow, streams: self.streams)
    request.tail = self.tail
    request.since = self.since?.resolve(now: Clock.wall())
    request.exactTimes = self.timestamps
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
