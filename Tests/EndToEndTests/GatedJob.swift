import Glibc
import Linux
import Testing

/// A job that says that it is there, waits until the test lets it go on, and then writes much.
struct GatedJob {
  let host: Host
  let id: String
  /// All of its output.
  let expected: [UInt8]

  static let ready = "ready\n"

  /// Writes the numbers up to `count` once the gate is open, then runs `last` behind a second one.
  static func start(
    _ host: Host, _ options: [String] = [], count: Int, last: String? = nil
  ) async throws -> GatedJob {
    var script = "echo ready; \(self.wait("go")) seq 1 \(count)"
    if let last { script += "; \(self.wait("end")) \(last)" }
    let id = try await host.startJob(options + ["--", "sh", "-c", script])
    let name = "numbers-\(count)"
    try #require(await host.shell("seq 1 \(count) >\(host.path)/\(name)"))
    let numbers = try File.read(name, in: File.openFolder(host.path), limit: 1 << 30)
    return GatedJob(host: host, id: id, expected: Array(Self.ready.utf8) + numbers)
  }

  /// Shell words that wait for a gate of the test's.
  static func wait(_ gate: String) -> String {
    "while [ ! -e /tmp/work/\(gate) ]; do sleep 0.05; done;"
  }

  /// The job's /tmp is a folder of its own on the host.
  static func open(_ gate: String, of id: String, _ host: Host) throws {
    _ = try File.open("\(host.state)/jobs/\(id)/files/tmp/work/\(gate)", O_WRONLY | O_CREAT)
  }

  func open(_ gate: String = "go") throws { try Self.open(gate, of: self.id, self.host) }

  /// A client that follows it, and has seen it.
  func follower() async throws -> RunningCommand {
    let command = try self.host.start(["logs", "-f", self.id])
    try await command.waitForOutput(Self.ready)
    return command
  }

  func expectAll(_ follower: RunningCommand) async throws {
    let outcome = try await follower.wait()
    let same = outcome.stdout == self.expected
    #expect(same && outcome.code == 0, "\(outcome.stdout.count) bytes: \(outcome.stderr)")
  }
}
