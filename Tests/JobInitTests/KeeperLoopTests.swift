import Glibc
import JobStore
import Linux
import Testing

@testable import JobInit

/// A keeper's loop with a script in the place of PID 1, which says what it likes and when.
@Suite struct KeeperLoopTests {
  /// To a shell, what writes `message` to PID 1's pipe.
  private static func telling(_ message: InitMessage) -> String {
    let octal = message.encoded().map { "\\0" + String($0, radix: 8) }
    return "printf %b '\(octal.joined())' >&3"
  }

  /// Runs `script` to its end; the record that its keeper leaves, and the bytes that its journal keeps.
  private static func outcome(
    of script: String, change: (inout LaunchPlan) -> Void,
    prepare: (_ path: String, inout Desk) throws -> Void = { _, _ in }
  ) throws -> (record: ExitRecord, kept: Int) {
    let path = "/tmp/worker-loop-\(Random.bytes(8).map { String($0) }.joined())"
    try File.makeFolders(path)
    let folder = try File.openFolder(path)
    defer { try? Folder.removeTree(path, in: folder) }
    try File.makeFIFO(JobDirectory.control, in: folder)
    var plan = LaunchPlan(
      jobID: "00112233445566aa", command: ["sh"], environment: [], workdir: "/", hostname: "job",
      user: .init(uid: 0, gid: 0), capabilities: 0)
    change(&plan)
    let engine = try File.open("/dev/null", O_WRONLY)
    var desk = try Desk(
      folder: folder, plan: plan, engineWatch: EngineWatch(try Pipe().takeReadEnd()))
    try prepare(path, &desk)
    var loop = KeeperLoop(
      folder: try folder.duplicate(), engine: Announcement(engine), plan: plan, desk: desk,
      birth: try Self.birth(script))
    loop.run()
    loop.finish()
    var reader = try JournalReader(folder: try folder.duplicate(), jobID: plan.jobID)
    var kept = 0
    while case .record(let record) = try reader.next(waiting: true) { kept += record.bytes.count }
    return (try ExitRecord(File.read(JobDirectory.exit, in: folder)), kept)
  }

  private static func birth(_ script: String) throws -> Birth {
    let stdout = try Pipe()
    let stderr = try Pipe()
    let messages = try Pipe()
    let null = try File.open("/dev/null", O_RDWR)
    let spawn = Spawn(
      .paths(["/bin/sh"]), arguments: ["sh", "-c", script],
      descriptors: [
        null.rawValue, stdout.writeEnd.rawValue, stderr.writeEnd.rawValue,
        messages.writeEnd.rawValue,
      ])
    switch try spawn.start() {
    case .failed(let step, let errno): throw SystemError(call: "step \(step)", errno: errno)
    case .started(let pid, let process):
      try messages.readEnd.setNonBlocking()
      try stdout.readEnd.setNonBlocking()
      try stderr.readEnd.setNonBlocking()
      return Birth(
        identity: try ProcessIdentity(of: pid), process: process, stdout: stdout.takeReadEnd(),
        stderr: stderr.takeReadEnd(),
        messages: messages.takeReadEnd(), orders: try Pipe().takeWriteEnd())
    }
  }

  /// The job runs from its exec on, and PID 1 can only say so afterwards.
  @Test func outputThatEndsTheJobBeforePID1HasToldOfItsStartLeavesARecord() throws {
    // The pause is there for a keeper that does not wait: it would end the job meanwhile.
    let told = Self.telling(.started(pid: 2))
    let script = "head -c 60000 /dev/zero; sleep 0.2; \(told); exec sleep 1000"
    let (record, _) = try Self.outcome(of: script) {
      $0.outputQuota = JournalQuota(bytes: 20_000, whenFull: .stop)
      $0.segmentSize = $0.outputQuota.segmentSize
    }
    #expect(record.cause == .quota && record.killed)
    #expect(record.stdoutBytes == 60_000)
  }

  /// Both streams are ready when the disk is full for the first time, and it is only for that once: what the
  /// first held is written when the second is looked at.
  @Test(.enabled(if: getuid() == 0, "needs root: a device file is made"))
  func aDiskThatIsFullOnceDoesNotStopTheOutput() throws {
    let told = Self.telling(.started(pid: 2))
    let script = "head -c 900 /dev/zero; printf e >&2; \(told); exec head -c 200000 /dev/zero"
    let change: (inout LaunchPlan) -> Void = {
      $0.outputQuota = JournalQuota(bytes: nil, whenFull: .block)
      $0.segmentSize = 1000
      // A job whose output is not read any more waits at its pipe for good.
      ($0.timeout, $0.timeoutGrace) = (20_000_000_000, 0)
    }
    let (record, kept) = try Self.outcome(of: script, change: change) { path, desk in
      try desk.journal.append([UInt8](repeating: 1, count: 500), stream: .stdout)
      // The next segment begins with ENOSPC; what is in its place goes then, and the next try makes a file.
      let name = "\(path)/output.0000000000000254"
      #expect(desk.journal.end == 0x254)
      var full = stat()
      try check("stat") { stat("/dev/full", &full) }
      try check("mknod") { mknod(name, S_IFCHR | 0o600, full.st_rdev) }
    }
    #expect(record.cause == .itself)
    #expect(record.stdoutBytes == 200_900 + 500 && record.stderrBytes == 1)
    #expect(kept == 200_900 + 501)
    #expect(record.untold == nil)
  }
}
