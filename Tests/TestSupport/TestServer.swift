package import GRPCCore
package import GRPCNghttp2
package import JobClient
import JobEngine
package import JobServer
package import Linux
package import Logging

/// A server under test, reached over mutual TLS on a port of the kernel's choice.
package struct TestServer: Sendable {
  package let address: SocketAddress
  package let certificates: TestCertificates
  /// Tells the server to drain or to reload.
  package let order: @Sendable (ServerOrder) -> Void

  /// A client with the identity `name`.
  package func client(
    _ name: String, retries: Retries = Retries(),
    onRetry: @escaping @Sendable (RPCError, _ isFirst: Bool) -> Void = { _, _ in }
  ) throws -> JobClient<Nghttp2ClientTransport> {
    try self.client(self.certificates.tls(name), retries: retries, onRetry: onRetry)
  }

  package func client(
    _ tls: TLSConfiguration, retries: Retries = Retries(),
    onRetry: @escaping @Sendable (RPCError, _ isFirst: Bool) -> Void = { _, _ in }
  ) throws -> JobClient<Nghttp2ClientTransport> {
    try JobClient(
      Connection(server: self.address, tls: tls), loop: Self.loops.next(), retries: retries,
      onRetry: onRetry)
  }

  /// Loops live for ever, so that tests share theirs.
  package static let loops: EventLoopGroup = {
    do { return try EventLoopGroup(count: 2) } catch { fatalError("no event loops: \(error)") }
  }()
}

/// Runs `body` with a server over `engine`, which is drained afterwards.
package func withServer<Engine: JobWorker>(
  _ engine: Engine, certificates: TestCertificates, log: Logger = .silent,
  configure: (inout ServerConfiguration) -> Void = { _ in },
  _ body: @Sendable (TestServer) async throws -> Void
) async throws {
  var configuration = ServerConfiguration(
    address: try SocketAddress(parsing: "127.0.0.1:0"), tls: { certificates.tls("server") },
    trustDomain: "worker.local",
    information: ServerInformation(version: "test", cgroupVersion: "v2"))
  configuration.drainGrace = .milliseconds(10)
  configure(&configuration)
  let server = try Server(configuration, engine: engine, loops: TestServer.loops, log: log)
  let (orders, sender) = AsyncStream<ServerOrder>.makeStream()
  let test = TestServer(
    address: server.address, certificates: certificates, order: { sender.yield($0) })
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run(orders: orders) }
    do { try await body(test) } catch {
      sender.finish()
      try? await group.waitForAll()
      throw error
    }
    sender.finish()
    try await group.waitForAll()
  }
}

/// Runs `body` with a server over a real worker on a fresh state directory; its jobs are ended, and
/// the worker closed, afterwards.
package func withWorkerServer(
  certificates: TestCertificates, log: Logger = .silent,
  configure: (inout ServerConfiguration) -> Void = { _ in },
  _ body: @Sendable (TestServer) async throws -> Void
) async throws {
  // Not below /tmp, as a job's /tmp is its own.
  let state = try TemporaryDirectory(in: "/var/lib", mode: 0o755)
  var configuration = WorkerConfiguration(stateDirectory: state.path("state"))
  configuration.program = Tools.worker ?? configuration.program
  let worker = try await Worker.open(configuration)
  do {
    try await withServer(
      worker, certificates: certificates, log: log,
      configure: {
        $0.stopsJobs = true
        configure(&$0)
      }, body)
  } catch {
    await worker.close()
    throw error
  }
  await worker.close()
  let left = Leftovers.of(server: configuration.stateDirectory)
  guard left.isEmpty else { throw LeftBehind(lines: left) }
}

package struct LeftBehind: Error, Hashable, CustomStringConvertible {
  package let lines: [String]
  package var description: String { "left behind: \(self.lines)" }
}

extension Logger {
  /// A log that nobody reads.
  package static var silent: Logger {
    Logger(label: "test") { _ in LineLog(level: .critical, write: { _ in }) }
  }

  /// A log whose lines go to `write`.
  package static func lines(_ write: @escaping @Sendable (String) -> Void) -> Logger {
    Logger(label: "test") { _ in LineLog(level: .debug, write: write) }
  }
}
