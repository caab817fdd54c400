import ArgumentParser
import JobAPI
import JobClient
import JobEngine
import PKI
import SwiftProtobuf

/// `worker auth whoami`
struct AuthWhoAmICommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "whoami",
    abstract: "Show the identity, the roles and the rights that the server sees.",
    discussion: "EXAMPLE: worker auth whoami --json")

  @Flag(help: "Print them as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func run(_ session: Session) async throws -> Int32 {
    let answer = try await session.client.whoAmI()
    try StandardStream.stdout.write(self.json ? try JSON.text(answer) : Self.text(answer))
    return ExitCode.success
  }

  static func text(_ answer: Worker_V1_WhoAmIResponse) -> String {
    var lines = [
      ("identity", "\(answer.identity) (spiffe://\(answer.trustDomain)/user/\(answer.identity))"),
      ("roles", answer.roles.joined(separator: ", ")),
      (
        "certificate",
        "serial \(answer.certificateSerial), until \(rfc3339(answer.certificateEndTime.seconds))"
      ),
    ]
    for (access, words) in [
      (Worker_V1_Access.any, "any job"), (.own, "own jobs"), (.none, "refused"),
    ] {
      let methods = answer.permissions.filter { $0.access == access }.map(\.method)
      if !methods.isEmpty { lines.append((words, methods.joined(separator: ", "))) }
    }
    if answer.hasJob { lines += Self.job(answer.job) }
    return lines.map { Printable.escaped(Self.column($0.0) + $0.1) + "\n" }.joined()
  }

  private static func job(_ job: Worker_V1_JobRights) -> [(String, String)] {
    let allowed = job.allowed.sorted { $0.key < $1.key }.map {
      ($0.key, $0.value.values.isEmpty ? "none" : $0.value.values.joined(separator: ", "))
    }
    let bounds = [("most a job", job.max), ("most in total", job.total)]
    return allowed
      + bounds.filter { !$0.1.isEmpty }.map { name, values in
        (
          name,
          values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.plain)" }
            .joined(separator: ", ")
        )
      }
  }

  private static func column(_ name: String) -> String {
    name + String(repeating: " ", count: max(1, 14 - name.count))
  }
}
