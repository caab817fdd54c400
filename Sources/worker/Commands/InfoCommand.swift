import ArgumentParser
import JobAPI
import JobClient
import SwiftProtobuf

/// `worker info`
struct InfoCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show the server's version and which of its files are in force.",
    discussion: "EXAMPLE: worker info --json")

  @Flag(help: "Print it as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let answer = try await session.client.serverInfo()
    try StandardStream.stdout.write(self.json ? try JSON.text(answer) : Self.text(answer))
    return ExitCode.success
  }

  static func text(_ answer: Worker_V1_GetServerInfoResponse) -> String {
    let files = answer.configuration
    var lines = [
      ("version", answer.version), ("cgroups", answer.cgroupVersion),
      ("identity", "\(answer.identity) (\(answer.roles.joined(separator: ", ")))"),
      ("certificate", "until \(Units.time(files.certificateEndTime))"),
      ("revocations", files.revocationList ? "by a list" : "no list"),
      ("policy", files.policy.isEmpty ? "built in" : files.policy),
      ("audit", files.audit.isEmpty ? "none" : files.audit),
      ("files read", Units.time(files.loadTime)),
    ]
    lines += files.problems.map { ("not in force", $0) }
    if !files.auditProblem.isEmpty { lines.append(("audit problem", files.auditProblem)) }
    return lines.map { name, value in
      let space = String(repeating: " ", count: max(1, 14 - name.count))
      return Printable.escaped(name + space + value) + "\n"
    }.joined()
  }
}
