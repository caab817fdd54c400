import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What a job is started with. For `run` and `start`.
struct JobOptions: ParsableArguments, Sendable {
  enum Network: String, ExpressibleByArgument, CaseIterable { case none, host }

  @Option(help: "A name to call it by, unique among your unfinished jobs.")
  var name: String?

  @Option(help: "A label K=V to select by; repeatable.", transform: Values.pair)
  var label: [Pair] = []

  @Option(help: "A variable K=V for its environment; repeatable.", transform: Values.pair)
  var env: [Pair] = []

  @Option(help: "The folder it starts in. (default: a folder of its own)")
  var workdir: String?

  @Option(help: "Whom it runs as: UID, UID:GID or a name; needs the role admin. (default: its own)")
  var user: String?

  @Option(help: "Time after which it is ended, as 30s.", transform: Values.duration)
  var timeout: Duration?

  @Option(help: "Cores, as 1.5.", transform: Values.cores)
  var cpu: Double?

  @Option(help: "Bytes of memory, as 256M.", transform: Values.size)
  var memory: Int64?

  @Option(help: "Bytes of swap on top. (default: none)", transform: Values.size)
  var memorySwap: Int64?

  @Option(help: "Bytes a second read from each disk, as 10M.", transform: Values.size)
  var ioRead: Int64?

  @Option(help: "Bytes a second written to each disk.", transform: Values.size)
  var ioWrite: Int64?

  @Option(help: "Read operations a second on each disk.")
  var ioReadOps: Int64?

  @Option(help: "Write operations a second on each disk.")
  var ioWriteOps: Int64?

  @Option(help: "Processes and threads.")
  var pids: Int64?

  @Option(help: "none: loopback only; host: the host's network, needs the role admin.")
  var net: Network = .none

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
      $0.limits = self.limits
      $0.network = self.net == .host ? .host : .none
    }
  }

  private var limits: Worker_V1_Limits {
    .with {
      if let cpu { $0.cpu = cpu }
      if let memory { $0.memory = memory }
      if let memorySwap { $0.memorySwap = memorySwap }
      if let ioRead { $0.ioRead = ioRead }
      if let ioWrite { $0.ioWrite = ioWrite }
      if let ioReadOps { $0.ioReadOps = ioReadOps }
      if let ioWriteOps { $0.ioWriteOps = ioWriteOps }
      if let pids { $0.pids = pids }
    }
  }
}
