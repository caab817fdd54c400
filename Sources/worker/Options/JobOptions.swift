import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What a job is started with. For `run` and `start`.
struct JobOptions: ParsableArguments, Sendable {
  enum Network: String, ExpressibleByArgument, CaseIterable { case none, host, nat }

  @Option(
    help: "A name to call it by, unique among your unfinished jobs.", transform: Values.text)
  var name: String?

  @Option(help: "A label K=V to select by; repeatable.", transform: Values.pair)
  var label: [Pair] = []

  @Option(help: "A variable K=V for its environment; repeatable.", transform: Values.pair)
  var env: [Pair] = []

  @Option(
    help: "The folder it starts in. (default: a folder of its own)", transform: Values.text)
  var workdir: String?

  @Option(
    parsing: .unconditional,
    help: "Whom it runs as: UID, UID:GID or a name; needs the role admin. (default: its own)",
    transform: Values.text)
  var user: String?

  @Option(
    parsing: .unconditional,
    help: "Time after which it is ended, as 500ms, 30s, 10m, 2h or 1d. (default: none)",
    transform: Values.duration)
  var timeout: Duration?

  @Option(
    parsing: .unconditional,
    help: "Processor time, of all its processes, after which it is ended. (default: none)",
    transform: Values.duration)
  var cpuTime: Duration?

  @OptionGroup var limit: LimitOptions
  @OptionGroup var startLimit: StartLimitOptions

  @Option(
    help: """
      none: loopback only; nat: a way out and none in; host: the host's network. The last two need \
      a role that allows them.
      """
  )
  var net: Network = .none

  @OptionGroup(title: "Isolation") var tree: TreeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @Flag(help: "Say which limits would be enforced and how; start nothing.")
  var plan = false

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("The program and its arguments, after --.", valueName: "command"))
  var command: [String] = []

  func requireCommand() throws {
    guard !self.command.isEmpty else {
      throw ValidationError("a command is missing: give it after --, as in: -- echo hello")
    }
  }

  var spec: Worker_V1_JobSpec {
    .with {
      $0.command = self.command
      $0.name = self.name ?? ""
      $0.labels = self.label.dictionary
      $0.environment = self.env.dictionary
      $0.workingDirectory = self.workdir ?? ""
      $0.user = self.user ?? ""
      if let timeout { $0.timeout = Google_Protobuf_Duration(rounding: timeout) }
      if let cpuTime { $0.cpuTime = Google_Protobuf_Duration(rounding: cpuTime) }
      $0.limits = self.limit.message
      self.startLimit.set(&$0.limits)
      $0.network = self.net.message
      self.tree.set(&$0)
      self.output.set(&$0)
    }
  }
}
