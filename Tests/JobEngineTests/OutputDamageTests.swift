import Glibc
import JobEngine
import JobStore
import Linux
import Testing

/// Journals that were damaged behind everybody's back: an error, and never a shorter output.
@Suite(.requiresRoot) struct OutputDamageTests {
  private static let firstSegment = "output.0000000000000000"

  /// The folder of a job.
  private static func path(_ id: JobID, in folder: TemporaryFolder) -> String {
    "\(folder.path)/state/jobs/\(id)"
  }

  private static func segments(of id: JobID, in folder: TemporaryFolder) throws -> [String] {
    let path = self.path(id, in: folder)
    return try names(in: path).filter { $0.hasPrefix("output.") }.sorted().map { "\(path)/\($0)" }
  }

  private static func expectLoss(_ output: JobOutput) async {
    await #expect { try await collect(output) } throws: { isError($0, .dataLoss) }
  }

  @Test func zerosBeforeARecordAreNoEndOfARunningAndOfALostJob() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    let job = try await worker.start(shell("echo a; exec sleep 1000"), owner: "alice")
    try await waitForOutput("a\n", of: job.id, worker)
    let state = try File.openFolder(Self.path(job.id, in: folder))
    // As if there had been three records.
    let record = try File.read(Self.firstSegment, in: state)[56...]
    let segment = try File.open(Self.firstSegment, in: state, O_WRONLY | O_APPEND)
    try File.writeAll([UInt8](repeating: 0, count: record.count) + record, to: segment)
    await Self.expectLoss(try worker.output(of: job.id, follow: false))

    try killKeeper(of: job)
    #expect(try await worker.wait(job.id).verdict?.reason == .lost)
    await Self.expectLoss(try worker.output(of: job.id, follow: false))
    await Self.expectLoss(try worker.output(of: job.id))
    await worker.close()
  }

  @Test func aSegmentCutShortIsNoEndOfARunningJob() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    var spec = shell("head -c 200000 /dev/zero; exec sleep 1000")
    spec.outputQuota = 256 << 10
    let job = try await worker.start(spec, owner: "alice")
    try await waitForBytes(128 << 10, of: job.id, worker)
    let segments = try Self.segments(of: job.id, in: folder)
    try #require(segments.count > 1)
    let segment = try File.open(segments[0], O_RDWR)
    try File.truncate(segment, to: try File.size(segment) - 10)
    await Self.expectLoss(try worker.output(of: job.id, follow: false))
    await stopAll(worker)
    await worker.close()
  }

  /// Without a quota that was reached, and with one.
  @Test(arguments: [("head -c 200000 /dev/zero", 256 << 10), ("seq 1 1000000", 1 << 20)])
  func aFirstSegmentThatIsMissingIsAnErrorAndNoGap(script: String, quota: Int64) async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    var spec = shell(script)
    spec.outputQuota = quota
    let job = try await worker.start(spec, owner: "alice")
    _ = try await worker.wait(job.id)
    let whole = try await collect(worker.output(of: job.id))
    #expect(whole.end?.complete == true)
    let segments = try Self.segments(of: job.id, in: folder)
    try #require(segments.count > 1)
    #expect(unlink(segments[0]) == 0)
    await Self.expectLoss(try worker.output(of: job.id))
    await Self.expectLoss(try worker.output(of: job.id, follow: false))
    // Who has read what was in it needs it no more.
    let cursor = try #require(whole.cursors.last)
    #expect(try await collect(worker.output(of: job.id, from: cursor)).stdout.isEmpty)
    await worker.close()
  }

  /// Zeros look like the end of what was written, and too few bytes like a record that is still to come.
  @Test func aCursorInsideARecordOfARunningJobIsRefused() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("head -c 200 /dev/zero; exec sleep 1000"), owner: "alice")
      try await waitForBytes(0, of: job.id, worker)
      for position in [96, 97, 150, 290, 295] {
        let cursor = try #require(Cursor("\(job.id).\(position)"))
        for follow in [false, true] {
          await #expect {
            try await collect(worker.output(of: job.id, from: cursor, follow: follow))
          } throws: {
            isError($0, .outOfRange)
          }
        }
      }
      let end = try #require(Cursor("\(job.id).296"))
      let rest = try await collect(worker.output(of: job.id, from: end, follow: false))
      #expect(rest.stdout.isEmpty && rest.end?.stdoutBytes == 200)
    }
  }
}
