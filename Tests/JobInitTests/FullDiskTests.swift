import Glibc
import JobStore
import Linux
import Testing

/// A keeper whose disk somebody else has filled.
@Suite(.enabled(if: getuid() == 0, "needs root: a file system is mounted"))
struct FullDiskTests {
  private static func withDisk(_ body: (_ path: String) throws -> Void) throws {
    let path = "/tmp/worker-keeper-full-\(Random.bytes(8).map { String($0) }.joined())"
    try File.makeFolders(path)
    defer { rmdir(path) }
    try check("mount") { mount("tmpfs", path, "tmpfs", 0, "size=2m") }
    defer { umount2(path, CInt(MNT_DETACH)) }
    try body(path)
  }

  /// Takes what is left of the disk.
  private static func fill(_ path: String) throws {
    let file = try File.open("\(path)/ballast", O_WRONLY | O_CREAT)
    let page = [UInt8](repeating: 1, count: 4096)
    do throws(SystemError) { while true { try File.writeAll(page, to: file) } } catch {
      #expect(error.errno == ENOSPC)
    }
  }

  @Test(arguments: [JournalQuota.WhenFull.dropOldest, .block, .stop])
  func anEndIsRecordedOnADiskWithoutRoom(whenFull: JournalQuota.WhenFull) throws {
    try Self.withDisk { path in
      let job = try KeeperUnderTest(["sh", "-c", "echo before; sleep 1000"], in: path) {
        $0.outputQuota = JournalQuota(bytes: nil, whenFull: whenFull)
      }
      try job.waitForOutput("before\n")
      try Self.fill(path)
      try job.order(.stop(signal: SIGTERM, grace: 60_000_000_000, by: "alice"))
      let record = try job.finish()
      #expect(record.cause == .stop(by: "alice") && !record.killed)
      #expect(record.stdoutBytes == 7 && record.untold == nil)
    }
  }

  /// More than the disk holds: what is missing is told by the journal, or by the record.
  @Test func outputThatFillsTheDiskEndsTheJobWhereThatIsAskedFor() throws {
    try Self.withDisk { path in
      let job = try KeeperUnderTest(["sh", "-c", "cat /dev/zero"], in: path) {
        $0.outputQuota = JournalQuota(bytes: nil, whenFull: .stop)
      }
      let record = try job.finish()
      #expect(record.cause == .output(ENOSPC))
      #expect(record.stdoutBytes > 1 << 20)
      let told = try Self.told(job)
      #expect((record.untold?.from.stdout ?? record.stdoutBytes) == told)
      #expect(record.untold.map { $0.reason == .disk(errno: ENOSPC) } ?? true)
    }
  }

  /// Up to which byte of stdout the journal tells.
  private static func told(_ job: KeeperUnderTest) throws -> UInt64 {
    var reader = try JournalReader(
      folder: try job.folder.duplicate(), jobID: "00112233445566aa")
    var end: UInt64 = 0
    while true {
      switch try reader.next(waiting: true) {
      case .record(let record): end = record.offset + UInt64(record.bytes.count)
      case .gap(let gap): end = gap.to
      case .end, .wouldBlock: return end
      }
    }
  }
}
