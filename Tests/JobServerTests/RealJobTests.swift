import GRPCCore
import JobAPI
import JobClient
import JobServer
import Linux
import Logging
import PKI
import SwiftProtobuf
import TestSupport
import Testing

/// The whole of it in one process: client, mutual TLS, service, engine, real jobs.
@Suite(.serialized) struct RealJobTests {
  @Test(.requiresJobs) func outputAndEndOfAJob() async throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    try await withWorkerServer(certificates: certificates) { server in
      let client = try server.client("alice")
      let job = try await client.start(
        .with { $0.command = ["sh", "-c", "echo out; echo err >&2; exit 7"] })
      let text = Lock<[Worker_V1_OutputStream: String]>([:])
      let end = try await client.output(of: OutputRequest(job: job.id)) { chunk in
        text.withLock {
          $0[chunk.stream, default: ""] += String(decoding: chunk.data, as: UTF8.self)
        }
      }
      let all = text.withLock { $0 }
      #expect(all == [.stdout: "out\n", .stderr: "err\n"])
      #expect(end.job.exit.code == 7 && end.job.owner == "alice")
      try await client.remove(job.id)
      #expect(Cgroups.of(job: job.id).isEmpty)
    }
  }

  @Test(.requiresJobs) func nothingIsLeftBehind() async throws {
    let certificates = try TestCertificates(["alice": ["user"]])
    let left = Lock<(id: String, pid: Int32)?>(nil)
    try await withWorkerServer(certificates: certificates) { server in
      let client = try server.client("alice")
      let id = try await client.start(.with { $0.command = ["sleep", "1000"] }).id
      let pid = try await client.get(id).pid
      left.withLock { $0 = (id, pid) }  // the server is told to stop its jobs when it ends
    }
    let job = try #require(left.withLock { $0 })
    #expect(job.pid > 0 && !File.exists(path: "/proc/\(job.pid)"))
    #expect(Cgroups.of(job: job.id).isEmpty)
    #expect(try !File.readText("/proc/self/mounts").contains(job.id))
  }
}

/// Certificates change while a job's output is read.
@Suite(.serialized) struct RotationTests {
  private static let half = 40_000

  /// A new authority and a new server certificate, and the end of one user, cost another not a byte.
  @Test(.requiresJobs) func aFollowLosesNoByteWhileOthersAreSentAway() async throws {
    let certificates = try TestCertificates(["alice": ["user"], "bob": ["viewer"]])
    // Outside /tmp, which a job has for itself.
    let folder = try TemporaryDirectory(in: "/var/lib", mode: 0o755)
    let gate = folder.path("gate")
    try #require(await Shell.run(["mkfifo", "-m", "666", gate]) == 0)
    let (lines, sender) = AsyncStream<String>.makeStream()
    let log = Logger.lines { sender.yield($0) }
    try await withWorkerServer(
      certificates: certificates, log: log, configure: { $0.tls = { certificates.serverFiles } }
    ) { server in
      let alice = try server.client("alice")
      let job = try await alice.start(
        .with {
          let last = 2 * Self.half
          $0.command = [
            "sh", "-c", "seq 1 \(Self.half); cat \(gate); seq \(Self.half + 1) \(last)",
          ]
        })
      let text = Lock("")
      let (chunks, chunked) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          let end = try await alice.output(of: OutputRequest(job: job.id)) { chunk in
            text.withLock { $0 += String(decoding: chunk.data, as: UTF8.self) }
            chunked.yield()
          }
          #expect(end.complete && end.job.exit.code == 0)
        }
        group.addTask {
          var impatient = Retries()
          impatient.patience = .zero
          let bob = try server.client("bob", retries: impatient)
          let error = await failure {
            _ = try await bob.output(of: OutputRequest(job: job.id)) { _ in }
          }
          #expect(error?.code == .unavailable, "\(String(describing: error))")
        }
        for await _ in chunks { break }
        try await Self.rotate(certificates, server, lines)
        try File.writeText("", to: gate)
        try await group.waitForAll()
      }
      let expected = (1...(2 * Self.half)).map { "\($0)\n" }.joined()
      #expect(text.withLock { $0 } == expected)
    }
  }

  private static func rotate(
    _ certificates: TestCertificates, _ server: TestServer, _ lines: AsyncStream<String>
  ) async throws {
    let next = try TestCertificates()
    let own = certificates.folder
    let both = try File.readText(own.path("ca.crt")) + File.readText(next.folder.path("ca.crt"))
    _ = try CertificateAuthority(folder: own.path).revoke(name: "bob")
    try own.write("ca.crt", both)
    for name in ["server.crt", "server.key"] {
      try own.write(name, try File.readText(next.folder.path(name)))
    }
    server.order(.reload)
    let line = await lines.first { $0.contains("certificates") }
    #expect(line?.contains("certificates read again revocation_list=true") == true, "\(line ?? "")")
    // Whoever comes now meets the new certificate.
    let admin = try server.client(certificates.tls("admin", trusting: next))
    #expect(try await admin.serverInfo().identity == "admin")
  }
}
