import ArgumentParser
import JobAPI
import JobClient
import SwiftProtobuf

/// `worker auth can-i`
struct AuthCanICommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "can-i",
    abstract: "Ask whether one may do something, without doing it.",
    discussion: """
      VERB is a verb of this program, as stop, or a method of the API, as StopJob. Exits with 0 for \
      yes and 1 for no.

      EXAMPLE: worker auth can-i stop nightly --as user/alice
      """)

  @Argument(help: "A verb, as stop.", transform: Self.method) var verb: String
  @Argument(help: "On this job. (default: any at all)") var job: String?
  @Option(
    name: .customLong("as"),
    help: "For somebody else, ROLE or ROLE/NAME; repeatable for several roles of one name.")
  var subject: [String] = []
  @Flag(help: "Print the answer as JSON.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  func validate() throws {
    guard Set(self.names).count <= 1 else {
      throw ValidationError("--as is about one person: give one NAME")
    }
    if self.subject.contains(where: { $0.hasPrefix("/") || $0.hasSuffix("/") || $0.isEmpty }) {
      throw ValidationError("--as takes ROLE or ROLE/NAME")
    }
  }

  func run(_ session: Session) async throws -> Int32 {
    let request = Worker_V1_CheckAccessRequest.with {
      $0.method = self.verb
      $0.job = self.job ?? ""
      $0.roles = self.subject.map { String($0.prefix { $0 != "/" }) }
      $0.name = self.names.first ?? ""
    }
    let answer = try await session.client.checkAccess(request)
    let text = "\(answer.allowed ? "yes" : "no"): \(Printable.escaped(answer.reason))\n"
    try StandardStream.stdout.write(self.json ? try JSON.text(answer) : text)
    return answer.allowed ? ExitCode.success : ExitCode.no
  }

  private var names: [String] {
    self.subject.compactMap { text in
      text.firstIndex(of: "/").map { String(text[text.index(after: $0)...]) }
    }
  }

  private static let methods = [
    "run": "StartJob", "start": "StartJob", "stop": "StopJob", "signal": "SignalJob",
    "status": "GetJob", "why": "GetJob", "list": "ListJobs", "ps": "ListJobs",
    "logs": "StreamOutput", "wait": "WaitJob", "rm": "RemoveJob", "info": "GetServerInfo",
    "pause": "PauseJob", "resume": "ResumeJob", "update": "UpdateJob", "top": "ListJobs",
    "whoami": "WhoAmI", "can-i": "CheckAccess",
  ]

  /// The method behind a verb; what is none of ours may be a method of a newer server's.
  static func method(_ verb: String) throws -> String {
    if let method = Self.methods[verb] { return method }
    guard verb.first?.isUppercase == true else {
      throw ValueError(
        description: "give one of \(Self.methods.keys.sorted().joined(separator: ", "))")
    }
    return verb
  }
}
