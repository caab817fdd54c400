import Glibc
import Linux
import Testing

/// Against grpcio, the gRPC implementation that is least like ours.
@Suite(.endToEnd, .requiresGRPCIO, .serialized) struct InteropTests {
  private static let scripts = "\(#filePath.dropLast("InteropTests.swift".count))Interop"
  private static let proto =
    "\(#filePath.dropLast("Tests/EndToEndTests/InteropTests.swift".count))"
    + "Sources/JobAPI"

  @Test func aPythonClientUsesOurServer() async throws {
    try await Host.with { host in
      let python = try #require(getenv("WORKER_PYTHON").map { String(cString: $0) })
      let client = try RunningCommand(
        [
          python, "\(Self.scripts)/client.py", Self.proto, host.certs, "alice",
          "127.0.0.1:\(host.port)",
        ], environment: ["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"], folder: host.path)
      let outcome = try await client.wait()
      #expect(outcome.code == 0 && outcome.text.contains("interop client ok"), "\(outcome)")
    }
  }

  @Test func ourClientUsesAPythonServer() async throws {
    try await Host.with { host in
      let python = try #require(getenv("WORKER_PYTHON").map { String(cString: $0) })
      let server = try RunningCommand(
        [python, "\(Self.scripts)/server.py", Self.proto, host.certs],
        environment: ["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"], folder: host.path)
      defer { server.signal(SIGKILL) }
      try await server.waitForOutput(" \n")
      let text = String(decoding: server.stdout, as: UTF8.self)
      let port = text.split(separator: " ").dropFirst().first.map(String.init) ?? ""
      let address = ["--server", "127.0.0.1:\(port)"]
      let list = try await host.worker(["list", "--all"] + address)
      #expect(list.text.contains("from-python"), "\(list)")
      let missing = try await host.worker(["status", "nothing"] + address)
      #expect(missing.code == 125 && missing.stderr.contains("100 % gone"), "\(missing)")
      let logs = try await host.worker(["logs", "-f", "00112233445566aa"] + address)
      #expect(logs.code == 0 && logs.stdout.count == 1_024_000, "\(logs.stderr)")
    }
  }
}

extension Trait where Self == ConditionTrait {
  static var requiresGRPCIO: Self {
    .enabled(
      if: getenv("WORKER_PYTHON") != nil,
      "needs WORKER_PYTHON, a python with grpcio and grpcio-tools (.ci/run makes one)")
  }
}
