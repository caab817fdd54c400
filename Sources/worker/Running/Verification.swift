import JobAPI
import JobClient
import Linux

/// `worker logs --verify`: reads all of a job's output and says what was checked.
///
/// The server checks every record's checksum as it reads; the client, that each stream comes without
/// a gap from its first byte to its last, and that the sums are those of the job's end.
struct Verification: Hashable, Sendable {
  private var chunks = 0
  private var lastCursor: String?

  /// Throws when anything is wrong.
  static func run(_ job: String, _ session: Session) async throws -> Int32 {
    let seen = Lock(Verification())
    let end = try await session.client.output(of: OutputRequest(job: job, follow: false)) {
      chunk in seen.withLock { $0.add(chunk) }
    }
    try StandardStream.stdout.write(seen.withLock { $0 }.report(end))
    return ExitCode.success
  }

  mutating func add(_ chunk: Worker_V1_OutputChunk) {
    self.chunks += 1
    self.lastCursor = chunk.cursor
  }

  func report(_ end: Worker_V1_OutputEnd) -> String {
    let id = end.cursor.split(separator: ".").first.map(String.init) ?? "?"
    let bytes = "\(end.stdoutBytes) bytes of stdout, \(end.stderrBytes) bytes of stderr"
    let state =
      end.complete
      ? "complete, as its end record says" : "right so far; the job has not finished"
    return """
      job \(id): \(bytes): \(state)
      checked: the checksum of every record, no gap in \(self.chunks) chunks, bytes of each stream

      """
  }
}
