import Glibc
import JobStore
import Linux

/// A real keeper, started as the engine does, with a plan made by hand.
final class KeeperUnderTest {
  let path: String
  let folder: OwnedDescriptor
  let keeper: PIDFD
  let answer: InitMessage?

  /// Starts `command` and waits for the answer of its keeper, which has all capabilities but `missing`, as
  /// setpriv(1) names them.
  init(
    _ command: [String], in parent: String = "/tmp", missing: String? = nil,
    change: (inout LaunchPlan) -> Void = { _ in }
  ) throws {
    let path = "\(parent)/worker-init-\(getpid())-\(Random.bytes(8).map { String($0) }.joined())"
    try File.makeFolders(path)
    let folder = try File.openFolder(path)
    var plan = LaunchPlan(
      jobID: "00112233445566aa", command: command,
      environment: ["PATH=/usr/local/bin:/usr/bin:/bin"], workdir: "/", hostname: "job",
      user: .init(uid: 0, gid: 0), capabilities: 0)
    change(&plan)
    try File.replace(JobDirectory.launch, in: folder, with: plan.encoded(), durable: false)
    try File.makeFIFO(JobDirectory.control, in: folder)
    let lock = try File.open(JobDirectory.lock, in: folder, O_RDWR | O_CREAT)
    _ = try File.tryLock(lock)
    let null = try File.open("/dev/null", O_RDWR)
    let pipe = try Pipe()
    let lifeline = try Pipe()
    let program = [Self.worker, "init", "keeper"]
    let setpriv = missing.map { ["/usr/bin/setpriv", "--bounding-set=-\($0)"] } ?? []
    let arguments = setpriv + program
    var spawn = Spawn(
      .paths([arguments[0]]), arguments: arguments,
      descriptors: [
        null.rawValue, null.rawValue, null.rawValue, folder.rawValue, lock.rawValue,
        pipe.writeEnd.rawValue, lifeline.readEnd.rawValue,
      ])
    spawn.newSession = true
    switch try spawn.start() {
    case .failed(let step, let errno): throw SystemError(call: "keeper, step \(step)", errno: errno)
    case .started(_, let process):
      var bytes = try File.readAll(pipe.takeReadEnd())
      self.answer = InitMessage.take(from: &bytes)
      self.keeper = process
      self.path = path
      self.folder = folder
    }
  }

  deinit {
    try? self.keeper.signal(SIGKILL)
    _ = try? self.keeper.reap(waiting: true)
    try? Folder.removeTree(self.path, in: self.folder)
  }

  func order(_ message: ControlMessage) throws {
    let control = try File.open(JobDirectory.control, in: self.folder, O_WRONLY | O_NONBLOCK)
    try File.writeAll(message.encoded(), to: control)
  }

  /// Waits for the keeper's end and returns the record.
  func finish() throws -> ExitRecord {
    _ = try self.keeper.reap(waiting: true)
    return try ExitRecord(File.read(JobDirectory.exit, in: self.folder))
  }

  func output(_ stream: JournalStream) throws -> String {
    var reader = try JournalReader(folder: try self.folder.duplicate(), jobID: "00112233445566aa")
    var bytes: [UInt8] = []
    while case .record(let record) = try reader.next(waiting: true) {
      if record.stream == stream { bytes += record.bytes }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Waits until the job has written `text` to stdout.
  func waitForOutput(_ text: String) throws {
    let inotify = try Inotify()
    _ = try inotify.watch(self.path)
    var entries = [pollfd(fd: inotify.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    while try !self.output(.stdout).contains(text) {
      try Poll.wait(&entries)
      _ = inotify.read()
    }
  }

  /// The program under test stands beside the test bundle.
  private static let worker: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(
      decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/worker"
  }()
}
