import Glibc
import Linux

/// The outcome of one command: what it wrote and how it ended.
struct Outcome: CustomStringConvertible {
  let stdout: [UInt8]
  let stderr: String
  let end: ProcessEnd?

  var text: String { String(decoding: self.stdout, as: UTF8.self) }

  /// The exit code; nil when a signal ended it.
  var code: Int32? {
    if case .exited(let code)? = self.end { return code }
    return nil
  }

  var description: String { "\(String(describing: self.end))\n\(self.text)\n\(self.stderr)" }
}

/// A started command, its output in files so that nobody has to read while it runs.
final class RunningCommand: Sendable {
  let pid: Int32
  private let process: PIDFD
  private let folder: OwnedDescriptor
  private let name: String

  init(
    _ arguments: [String], environment: [String], folder path: String, input: String? = nil
  ) throws {
    let folder = try File.openFolder(path)
    let name = "command-\(Random.bytes(8).map { String($0) }.joined())"
    let flags = O_RDWR | O_CREAT | O_APPEND
    let stdout = try File.open("\(name).out", in: folder, flags)
    let stderr = try File.open("\(name).err", in: folder, flags)
    let stdin = try File.open(input ?? "/dev/null", O_RDONLY)
    let program =
      arguments[0].contains("/")
      ? [arguments[0]]
      : ["/bin", "/usr/bin"].map {
        "\($0)/\(arguments[0])"
      }
    var spawn = Spawn(
      .paths(program), arguments: arguments,
      descriptors: [stdin.rawValue, stdout.rawValue, stderr.rawValue])
    spawn.environment = environment
    switch try spawn.start() {
    case .failed(let step, let errno):
      throw SystemError(call: "start \(arguments), step \(step)", errno: errno)
    case .started(let pid, let process):
      self.pid = pid
      self.process = process
    }
    self.folder = folder
    self.name = name
  }

  /// What it has written so far.
  var stdout: [UInt8] {
    (try? File.read("\(self.name).out", in: self.folder, limit: 2 << 30)) ?? []
  }
  var stderr: String {
    String(decoding: (try? File.read("\(self.name).err", in: self.folder)) ?? [], as: UTF8.self)
  }

  func signal(_ number: Int32) { try? self.process.signal(number) }

  /// Waits for its end on a thread of ours.
  func wait() async throws -> Outcome {
    let end = try await Self.threads.run { () throws(SystemError) in
      try self.process.reap(waiting: true)
    }
    return Outcome(stdout: self.stdout, stderr: self.stderr, end: end)
  }

  /// Waits until it has written `text` to stdout.
  func waitForOutput(_ text: String) async throws {
    try await self.waitForFile("\(self.name).out", text)
  }

  func waitForError(_ text: String) async throws {
    try await self.waitForFile("\(self.name).err", text)
  }

  private func waitForFile(_ name: String, _ text: String) async throws {
    let wanted = Array(text.utf8)
    try await Self.threads.run { () throws(SystemError) in
      let inotify = try Inotify()
      _ = try inotify.watch("/proc/self/fd/\(self.folder.rawValue)")
      var entries = [
        pollfd(fd: inotify.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
        pollfd(fd: self.process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
      ]
      while true {
        let ended = entries[1].revents != 0
        let content = try File.read(name, in: self.folder)
        if content.contains(wanted) { return }
        if ended { throw SystemError(call: "wait for '\(text)' in '\(content)'", errno: ESRCH) }
        try Poll.wait(&entries)
        _ = inotify.read()
      }
    }
  }

  /// Waits until it has written so many bytes to stdout.
  func waitForBytes(_ count: Int64) async throws {
    try await Self.threads.run { () throws(SystemError) in
      let inotify = try Inotify()
      _ = try inotify.watch("/proc/self/fd/\(self.folder.rawValue)")
      var entries = [
        pollfd(fd: inotify.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
        pollfd(fd: self.process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
      ]
      while true {
        let ended = entries[1].revents != 0
        let size = try File.size(File.open("\(self.name).out", in: self.folder, O_RDONLY))
        if size >= count { return }
        if ended { throw SystemError(call: "wait for \(count) bytes, got \(size)", errno: ESRCH) }
        try Poll.wait(&entries)
        _ = inotify.read()
      }
    }
  }

  static let threads = BlockingThreads(name: "command", count: 16)
}

extension [UInt8] {
  func contains(_ other: [UInt8]) -> Bool {
    guard !other.isEmpty, self.count >= other.count else { return other.isEmpty }
    return (0...(self.count - other.count)).contains { self[$0..<($0 + other.count)] == other[...] }
  }
}
