import ArgumentParser
import GRPCCore
import JobAPI
import JobClient
import Linux
import SwiftProtobuf

/// `worker doctor`
struct DoctorCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Prove, with small jobs, what the server's host can enforce.",
    discussion: """
      Takes some ten seconds. Each line tells what was promised to a job and what was measured: holds; \
      fails; refused, with the reason, where the server does not promise it on this host; or unknown, where \
      the job could not try. Fails if anything does. Its jobs are forgotten when it has seen them.

      EXAMPLE: worker doctor
      """)

  @Flag(help: "Print the findings as a JSON array.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    var findings: [(name: String, finding: DoctorFinding)] = []
    for check in DoctorCheck.all {
      let finding = try await Self.finding(check, session)
      findings.append((check.name, finding))
      if !self.json { try StandardStream.stdout.write(finding.line(check.name)) }
    }
    if self.json { try StandardStream.stdout.write(try JSON.text(findings.map(Self.fields))) }
    let failed = findings.filter { $0.finding.result == .fails }.map(\.name)
    guard failed.isEmpty else {
      throw Failure("this host does not keep what is promised: \(failed.joined(separator: ", "))")
    }
    return ExitCode.success
  }

  /// A limit that is refused is an answer; that no job can be started at all is none.
  private static func finding(
    _ check: DoctorCheck, _ session: Session
  ) async throws -> DoctorFinding {
    let job: Worker_V1_Job
    do {
      job = try await session.client.start(check.spec)
    } catch let error as RPCError
      where check.name != DoctorCheck.start.name && Self.refusals.contains(error.code)
    {
      return DoctorFinding(.refused, Failure(error).description)
    }
    let evidence = try await Self.evidence(check, job.id, session)
    try await session.client.remove(job.id)
    return check.judge(evidence)
  }

  private static let refusals: [RPCError.Code] = [
    .failedPrecondition, .permissionDenied, .invalidArgument, .resourceExhausted,
  ]

  private static func evidence(
    _ check: DoctorCheck, _ id: String, _ session: Session
  ) async throws -> DoctorCheck.Evidence {
    let seen = Lock(DoctorCheck.Evidence())
    let end = try await session.client.output(of: OutputRequest(job: id)) { chunk in
      let isFirst = seen.withLock { seen in
        let isFirst = seen.stdout.isEmpty
        switch chunk.stream {
        case .stderr: seen.stderr += chunk.data
        default: seen.stdout += chunk.data
        }
        return isFirst
      }
      if check.stops, isFirst {
        _ = try await session.client.stop(id, grace: .milliseconds(100))
      }
    }
    var evidence = seen.withLock { $0 }
    evidence.job = end.hasJob ? end.job : try await session.client.wait(id)
    return evidence
  }

  private static func fields(_ name: String, _ finding: DoctorFinding) -> Google_Protobuf_Struct {
    Google_Protobuf_Struct(fields: [
      "name": .init(name), "result": .init(finding.result.rawValue),
      "detail": .init(finding.detail),
    ])
  }
}
