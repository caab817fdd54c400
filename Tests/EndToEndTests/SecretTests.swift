import Glibc
import Linux
import Testing

/// What must never be seen outside of where it belongs.
@Suite(.endToEnd, .serialized) struct SecretTests {
  private static let canary = "canary-7f3a9c"

  @Test func environmentAndKeysAreSeenNowhere() async throws {
    try await Host.with { host in
      try await host.stopServer()
      let audit = "\(host.path)/audit.log"
      try await host.startServer(["--audit", audit, "--log-level", "debug"])
      let env = ["--env", "TOKEN=\(Self.canary)"]
      let id = try await host.startJob(env + ["--name", "secret", "--", "sleep", "1000"])
      let failed = try await host.worker(["run"] + env + ["--", "/no/such/program"])
      let refused = try await host.worker(["run", "--user", "root"] + env + ["--", "true"])
      let clash = try await host.worker(["run", "--name", "secret"] + env + ["--", "true"])
      let seen = try await host.worker("list", "--all", "--json")
      let status = try await host.worker("status", id, "--json")
      let titles = try Self.titles()
      let server = try #require(try await host.stopServer())
      for (place, text) in [
        ("failed", failed.description), ("refused", refused.description),
        ("clash", clash.description), ("list", seen.text), ("status", status.text),
        ("titles", titles), ("log", server.description), ("audit", try File.readText(audit)),
      ] {
        #expect(!text.contains(Self.canary), "\(place): \(text)")
      }
      let key = try File.readText("\(host.certs)/server.key").split(separator: "\n")[1]
      #expect(!server.description.contains(key))
      #expect(failed.code == 127 && refused.code == 125 && clash.code == 125)
      #expect(try await host.worker("audit", "verify", audit).code == 0)
      try await host.startServer()
    }
  }

  @Test func theServerLeavesNoCore() async throws {
    try await Host.with { host in
      let pid = try #require(host.serverPID)
      let limits = try File.readText("/proc/\(pid)/limits")
      let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
      #expect(core?.split(separator: " ", omittingEmptySubsequences: true)[4] == "0")
      // What jobs get is not taken from them.
      let job = try await host.worker("run", "--", "sh", "-c", "ulimit -Hc")
      #expect((job.text == "0\n") == (CurrentProcess.resourceLimit(4).hard == 0))
    }
  }

  /// Files in proc(5) of a process that is not dumpable are of root and root's group, others of its own
  /// group, see PR_SET_DUMPABLE in prctl(2).
  @Test func theServersMemoryIsNobodysToLookInto() async throws {
    try await Host.with { host in
      let environment = ["PATH=/usr/bin:/bin"]
      let group = ["setpriv", "--regid", "65534", "--clear-groups"]
      let other = try RunningCommand(
        group + ["sh", "-c", "echo ready; exec sleep 1000"], environment: environment,
        folder: host.path)
      let server = try RunningCommand(
        group + [
          try #require(Host.binary), "serve", "--state-dir", "\(host.path)/other", "--certs",
          host.certs, "--listen", "127.0.0.1:0", "--log-level", "notice",
        ], environment: environment, folder: host.path)
      try await other.waitForOutput("ready")
      try await server.waitForError("serving address=")
      #expect(try Self.group(ofMemoryOf: other.pid) == 65534)
      #expect(try Self.group(ofMemoryOf: server.pid) == 0)
      other.signal(SIGKILL)
      server.signal(SIGTERM)
      _ = try await other.wait()
      #expect(try await server.wait().code == 0)
    }
  }

  private static func group(ofMemoryOf pid: Int32) throws -> UInt32 {
    var status = stat()
    let path = "/proc/\(pid)/mem"
    try check("stat(\(path))") { stat(path, &status) }
    return status.st_gid
  }

  /// The command lines of all processes but the job's own, which are the user's to choose.
  private static func titles() throws -> String {
    try Folder.names(in: File.openFolder("/proc")).filter { Int($0) != nil }.map { pid in
      (try? File.readText("/proc/\(pid)/cmdline")) ?? ""
    }.joined(separator: "\n")
  }
}
