import ArgumentParser
import GRPCNghttp2
import JobClient
import Linux

/// Which server, and who we are there. For every verb of the client.
struct ConnectionOptions: ParsableArguments, Sendable {
  @Option(help: "The server, HOST:PORT. (WORKER_SERVER; default: \(Self.defaultServer))")
  var server: String?

  @Option(
    help: """
      The certificate folder. (WORKER_CERTS; default: ./certs if it holds a client identity, then \
      ~/.config/worker, then /etc/worker)
      """)
  var certs: String?

  @Option(help: "Which NAME.crt of the folder to use, where it holds several. (WORKER_IDENTITY)")
  var identity: String?

  @Option(
    parsing: .unconditional, help: "How long connecting may take. (default: 10s)",
    transform: Values.duration)
  var connectTimeout: Duration = .seconds(10)

  static let defaultServer = "127.0.0.1:7443"

  /// Reads the folder and looks up the server's name: blocks, so call it before the loop runs.
  func resolve(_ environment: Environment = .process) throws -> Connection {
    let server = self.server ?? environment["WORKER_SERVER"] ?? Self.defaultServer
    let folder = try CertificateSearch(environment).client(
      self.certs ?? environment["WORKER_CERTS"])
    let identity = try folder.identity(self.identity ?? environment["WORKER_IDENTITY"])
    return Connection(
      server: try SocketAddress(parsing: server), tls: try folder.tls(identity),
      connectTimeout: self.connectTimeout)
  }
}
