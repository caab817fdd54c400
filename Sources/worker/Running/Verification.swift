import JobAPI
import JobClient
import Linux

/// `worker logs --verify`: reads all of a job's output and says what was checked.
///
/// The server checks every record's checksum as it reads; the client, that each stream comes without
/// a gap from its first byte to its last, and that the sums are those of the job's end.
struct Verification: Hashable, Sendable {
  private var chunks = 0
  private var missing: Int64 = 0

  /// Throws when anything is wrong.
  static func run(_ job: String, _ session: Session) async throws -> Int32 {
    let seen = Lock(Verification())
    let end = try await session.client.output(
      of: OutputRequest(job: job, follow: false), onGap: { gap in seen.withLock { $0.add(gap) } },
      onChunk: { chunk in seen.withLock { $0.add(chunk) } })
    try StandardStream.stdout.write(seen.withLock { $0 }.report(end))
    return ExitCode.success
  }

  mutating func add(_ chunk: Worker_V1_OutputChunk) {
    self.chunks += 1
  }

  mutating func add(_ gap: Worker_V1_OutputGap) {
    self.missing += gap.to - gap.from
  }

  func report(_ end: Worker_V1_OutputEnd) -> String {
    let id = end.cursor.split(separator: ".").first.map(String.init) ?? "?"
    let bytes = "\(end.stdoutBytes) bytes of stdout, \(end.stderrBytes) bytes of stderr"
    let state =
      if !end.complete {
        "right so far; the job has not finished"
      } else if end.job.exit.reason == .lost {
        "all that is kept; what the job wrote last may be missing, as it was lost"
      } else {
        "complete, as its end record says"
      }
    let gaps = self.missing > 0 ? "; \(self.missing) of these bytes were not kept" : ""
    return """
      job \(id): \(bytes): \(state)\(gaps)
      checked: the checksum of every record, that \(self.chunks) chunks follow on each other, the \
      bytes of each stream

      """
  }
}
