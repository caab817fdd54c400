import Glibc
import JobStore
import Linux
import Testing

/// What becomes of a job's output when there is too much of it, or its writer is strange.
@Suite(.enabled(if: getuid() == 0, "needs root: namespaces are made"))
struct OutputFaultTests {
  private static func job(
    _ script: String, quota: UInt64? = nil, _ whenFull: JournalQuota.WhenFull = .dropOldest
  ) throws -> KeeperUnderTest {
    try KeeperUnderTest(["sh", "-c", script]) {
      $0.outputQuota = JournalQuota(bytes: quota, whenFull: whenFull)
      $0.segmentSize = $0.outputQuota.segmentSize
    }
  }

  /// Bytes of stdout in the journal, and those that it says are missing.
  private static func content(_ job: KeeperUnderTest) throws -> (kept: UInt64, missing: UInt64) {
    var reader = try JournalReader(
      folder: try job.folder.duplicate(), jobID: "00112233445566aa")
    var (kept, missing): (UInt64, UInt64) = (0, 0)
    while true {
      switch try reader.next(waiting: true) {
      case .record(let record): kept += UInt64(record.bytes.count)
      case .gap(let gap): missing += gap.to - (gap.from ?? 0)
      case .end, .wouldBlock: return (kept, missing)
      }
    }
  }

  private static func onDisk(_ job: KeeperUnderTest) throws -> Int64 {
    var total: Int64 = 0
    for name in try Folder.names(in: job.folder) where name.hasPrefix("output.") {
      total += try File.size(try File.open(name, in: job.folder, O_RDONLY))
    }
    return total
  }

  @Test func theOldestOutputGoesAndIsCountedAllTheSame() throws {
    let job = try Self.job("head -c 10485760 /dev/zero", quota: 1 << 20)
    let record = try job.finish()
    #expect(record.end == .exited(code: 0))
    #expect(record.stdoutBytes == 10 << 20)
    let (kept, missing) = try Self.content(job)
    #expect(kept + missing == 10 << 20)
    #expect(try Self.onDisk(job) <= 1 << 20)
  }

  @Test func aJobThatReachesItsQuotaIsStoppedWithTheReason() throws {
    let job = try Self.job("head -c 10485760 /dev/zero; sleep 1000", quota: 1 << 20, .stop)
    let record = try job.finish()
    #expect(record.cause == .quota)
    let (kept, missing) = try Self.content(job)
    #expect(kept + missing == record.stdoutBytes)
    #expect(try Self.onDisk(job) <= (1 << 20) + (128 << 10) + 56)
  }

  @Test func aJobThatWaitsForRoomCanBeStoppedAndLosesNothing() throws {
    let job = try Self.job("head -c 10485760 /dev/zero", quota: 1 << 20, .block)
    let inotify = try Inotify()
    _ = try inotify.watch(job.path)
    var entries = [pollfd(fd: inotify.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    while try Self.onDisk(job) < (1 << 20) - 200 {
      try Poll.wait(&entries)
      _ = inotify.read()
    }
    try job.order(.stop(signal: SIGTERM, grace: 60_000_000_000, by: "alice"))
    let record = try job.finish()
    #expect(record.cause == .stop(by: "alice") && !record.killed)
    #expect(record.stdoutBytes > 1 << 19 && record.stdoutBytes < 2 << 20)
    let (kept, missing) = try Self.content(job)
    #expect(kept == record.stdoutBytes && missing == 0)
  }

  @Test func aHundredThousandWritesOfOneByteAreAllThere() throws {
    let job = try Self.job("dd if=/dev/zero bs=1 count=100000 2>/dev/null")
    #expect(try job.finish().stdoutBytes == 100_000)
    #expect(try Self.content(job) == (100_000, 0))
  }

  @Test func everyByteValueComesThrough() throws {
    let job = try Self.job(
      "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done")
    _ = try job.finish()
    var reader = try JournalReader(
      folder: try job.folder.duplicate(), jobID: "00112233445566aa")
    var bytes: [UInt8] = []
    while case .record(let record) = try reader.next(waiting: true) { bytes += record.bytes }
    #expect(bytes == Array(0...255))
  }

  @Test(arguments: [
    ("exec >&-; echo e >&2; exit 4", 4, 0, 2), ("exec >&- 2>&-; sleep 0.05; exit 5", 5, 0, 0),
    ("echo o; exec >&-; sleep 0.05; echo e >&2; exit 6", 6, 2, 2),
  ])
  func aJobMayCloseItsOutputEarly(
    script: String, code: Int32, stdout: UInt64, stderr: UInt64
  ) throws {
    let record = try Self.job(script).finish()
    #expect(record.end == .exited(code: code))
    #expect(record.stdoutBytes == stdout && record.stderrBytes == stderr)
  }

  @Test(arguments: ["sleep 1000 &", "(trap '' TERM HUP; while :; do echo x; done) &"])
  func aChildThatHoldsTheOutputOpenHoldsUpNothing(child: String) throws {
    let job = try Self.job("\(child) echo first")
    let record = try job.finish()
    #expect(record.end == .exited(code: 0))
    #expect(try job.output(.stdout).contains("first\n"))
    #expect(try Self.content(job) == (record.stdoutBytes, 0))
  }

  @Test func whatWasWrittenBeforeTheKeeperWasKilledIsServed() throws {
    let job = try Self.job("echo before; sleep 1000")
    try job.waitForOutput("before\n")
    try job.keeper.signal(SIGKILL)
    _ = try job.keeper.reap(waiting: true)
    #expect(try job.output(.stdout) == "before\n")
    let recorded = File.exists(JobDirectory.exit, in: job.folder)
    #expect(!recorded)
  }
}
