import JobAPI
import JobClient
import JobServer
import Linux
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
      #expect(Holdings.cgroups(of: job.id).isEmpty)
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
    #expect(Holdings.cgroups(of: job.id).isEmpty)
    #expect(try !File.readText("/proc/self/mounts").contains(job.id))
  }
}
