import Glibc
import Linux
import TestSupport
import Testing

/// A host with the built binary, certificates and a server of its own, taken down at the end.
final class Host: Sendable {
  let path: String
  let port: Int
  private let server: Lock<RunningCommand?> = Lock(nil)

  /// The binary under test, static as it is shipped.
  static var binary: String? { getenv("WORKER_BINARY").map { String(cString: $0) } }

  static let serverOptions = ["--log-level", "info"]

  private init() throws {
    // Below /var/lib, as a job's /tmp is its own and hides the host's.
    self.path = "/var/lib/worker-test-\(Random.bytes(6).map { String($0, radix: 16) }.joined())"
    try File.makeFolders(self.path, mode: 0o755)
    self.port = try Self.freePort()
  }

  /// Runs `body` with a host whose server is up, then checks that nothing is left of it.
  static func with(_ body: (Host) async throws -> Void) async throws {
    let host = try Host()
    let result = await Result {
      try await host.prepare()
      try await body(host)
    }
    let left = await host.takeDown()
    try result.get()
    #expect(left.isEmpty, "left behind: \(left)")
  }

  var state: String { "\(self.path)/state" }
  var certs: String { "\(self.path)/certs" }

  private func prepare() async throws {
    try await self.expectSuccess(["pki", "init", self.certs])
    for (name, role) in [("alice", "user"), ("bob", "user"), ("victor", "viewer")] {
      try await self.expectSuccess(
        ["pki", "issue", name, "--role", role, "--certs", self.certs])
    }
    try await self.startServer()
  }

  func startServer(_ options: [String] = []) async throws {
    let command = try RunningCommand(
      [
        try #require(Self.binary), "serve", "--listen", "127.0.0.1:\(self.port)", "--certs",
        self.certs, "--state-dir", self.state,
      ] + Self.serverOptions + options,
      environment: Self.environment, folder: self.path)
    self.server.withLock { $0 = command }
    // The server says on stderr where it listens, once it does.
    try await command.waitForError("127.0.0.1:\(self.port)")
  }

  /// Ends the server with `signal` and gives back how it ended.
  @discardableResult
  func stopServer(_ signal: Int32 = SIGTERM) async throws -> Outcome? {
    guard let command = self.server.withLock({ $0.take() }) else { return nil }
    command.signal(signal)
    return try await command.wait()
  }

  /// Nil when none runs.
  var serverPID: Int32? { self.server.withLock { $0?.pid } }

  /// Returns when the server has said `text` on stderr.
  func waitForServer(_ text: String) async throws {
    try await self.server.withLock { $0 }?.waitForError(text)
  }

  /// Whether a script of the shell's succeeded.
  func shell(_ script: String) async throws -> Bool {
    let command = try RunningCommand(
      ["/bin/sh", "-c", script], environment: Self.environment, folder: self.path)
    return try await command.wait().code == 0
  }

  /// Starts `worker ARGUMENTS` as this identity.
  func start(_ arguments: [String], as identity: String = "alice") throws -> RunningCommand {
    try RunningCommand(
      [try #require(Self.binary)] + arguments,
      environment: self.environment(as: identity), folder: self.path)
  }

  func environment(as identity: String) -> [String] {
    Self.environment + [
      "WORKER_SERVER=127.0.0.1:\(self.port)", "WORKER_CERTS=\(self.certs)",
      "WORKER_IDENTITY=\(identity)",
    ]
  }

  /// Runs `worker ARGUMENTS` as this identity to its end.
  func worker(_ arguments: String..., as identity: String = "alice") async throws -> Outcome {
    try await self.start(arguments, as: identity).wait()
  }

  func worker(_ arguments: [String], as identity: String = "alice") async throws -> Outcome {
    try await self.start(arguments, as: identity).wait()
  }

  /// `worker start` and the id it printed.
  func startJob(_ arguments: [String], as identity: String = "alice") async throws -> String {
    let outcome = try await self.worker(["start"] + arguments, as: identity)
    try #require(outcome.code == 0, "\(outcome)")
    return String(outcome.text.prefix { $0 != "\n" })
  }

  private func expectSuccess(_ arguments: [String]) async throws {
    let outcome = try await self.worker(arguments)
    try #require(outcome.code == 0, "\(outcome)")
  }

  /// Stops what runs and the server, removes every file; answers with what is there still.
  private func takeDown() async -> [String] {
    var ids: [String] = []
    var left: [String] = []
    if self.server.withLock({ $0 != nil }) {
      ids = await self.stopJobs()
      let outcome = try? await self.stopServer()
      if outcome?.code != 0 {
        left.append("a server that ended so: \(String(describing: outcome))")
      }
      // Whatever the job was: also one that never started.
      left += Cgroups.of(server: self.state)
    }
    left +=
      ids.flatMap { Cgroups.of(job: $0) } + Processes.holding(self.path) + Mounts.below(self.path)
    if let parent = try? File.openFolder("/var/lib") {
      try? Folder.removeTree(String(self.path.dropFirst("/var/lib/".count)), in: parent)
    }
    return left
  }

  /// The folders of jobs; the one that is kept ready for the next has no spec.
  func jobFolders() throws -> [String] {
    try Folder.names(in: File.openFolder("\(self.state)/jobs")).filter {
      File.exists(path: "\(self.state)/jobs/\($0)/spec")
    }
  }

  /// Stops every job there is; answers with their ids.
  @discardableResult
  func stopJobs() async -> [String] {
    let ids = Self.ids(
      in: (try? await self.worker("list", "--all", "--json", as: "admin"))?.text ?? "")
    for id in ids { _ = try? await self.worker("stop", id, "--grace", "0s", as: "admin") }
    return ids
  }

  /// The ids in the JSON of `list`.
  static func ids(in json: String) -> [String] {
    json.split(separator: "\"").map(String.init).filter { text in
      text.count == 16 && text.allSatisfy { $0.isHexDigit && !$0.isUppercase }
    }
  }

  private static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent"]

  private static func freePort() throws -> Int {
    let descriptor = OwnedDescriptor(
      owning: try check("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) })
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let raw = descriptor.rawValue
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        try check("bind") { bind(raw, generic, size) }
        try check("getsockname") { getsockname(raw, generic, &size) }
      }
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}

extension Trait where Self == ConditionTrait {
  /// The end-to-end ring: the built binary, as root.
  static var endToEnd: Self {
    .enabled(
      if: Host.binary != nil && getuid() == 0,
      "needs root and WORKER_BINARY (make test sets it): jobs are really run")
  }
}
