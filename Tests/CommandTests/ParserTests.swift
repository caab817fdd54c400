import ArgumentParser
import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// Command lines into commands.
@Suite struct ParserTests {
  static func failure(_ line: [String]) -> Failure? {
    do {
      _ = try WorkerCommand.read(line)
      return nil
    } catch {
      return Failure(error)
    }
  }

  @Test func rolesThatNoServerKnowsAreWarnedOf() {
    #expect(PKIIssueCommand.warning(of: ["admin", "user", "viewer"]) == nil)
    #expect(
      PKIIssueCommand.warning(of: ["user", "nosuch"])
        == "warning: without a policy file the server knows the roles admin, user, viewer, not nosuch"
    )
  }

  @Test func everyJobOptionReachesTheSpec() throws {
    let line = [
      "run", "--name", "n", "--label", "k=v", "--label", "e=", "--env", "A=b=c", "--workdir", "/w",
      "--user", "1:2", "--timeout", "90s", "--cpu", "1.5", "--memory", "256M", "--memory-swap", "0",
      "--io-read", "10M", "--io-write", "1K", "--io-read-ops", "5", "--io-write-ops", "6", "--pids",
      "100", "--cpu-weight", "50", "--cpuset", "0-1,3", "--memory-high", "128M",
      "--memory-oom-group", "--io-weight", "200", "--ulimit", "nofile=1024:2K", "--ulimit",
      "core=unlimited", "--best-effort", "--net", "host", "--output-quota", "1M",
      "--output-full", "stop", "--", "sh", "-c", "--", "--cpu",
    ]
    let command = try #require(try WorkerCommand.read(line) as? RunCommand)
    let expected = Worker_V1_JobSpec.with {
      $0.command = ["sh", "-c", "--", "--cpu"]
      $0.name = "n"
      $0.labels = ["k": "v", "e": ""]
      $0.environment = ["A": "b=c"]
      $0.workingDirectory = "/w"
      $0.user = "1:2"
      $0.timeout = Google_Protobuf_Duration(seconds: 90)
      $0.network = .host
      $0.outputQuota = 1 << 20
      $0.outputFull = .stop
      $0.limits = .with {
        $0.cpu = 1.5
        $0.memory = 256 << 20
        $0.memorySwap = 0
        $0.ioRead = 10 << 20
        $0.ioWrite = 1024
        $0.ioReadOps = 5
        $0.ioWriteOps = 6
        $0.pids = 100
        $0.cpuWeight = 50
        $0.cpuset = "0-1,3"
        $0.memoryHigh = 128 << 20
        $0.memoryOomGroup = true
        $0.ioWeight = 200
        $0.resources["nofile"] = .with {
          $0.soft = 1024
          $0.hard = 2048
        }
        $0.resources["core"] = Worker_V1_ResourceLimit()
        $0.bestEffort = true
      }
    }
    #expect(command.job.spec == expected)
  }

  @Test func aChangeTakesTheLimitsOfARunningJob() throws {
    let line = ["update", "x", "--memory", "512M", "--cpu", "2"]
    let command = try #require(try WorkerCommand.read(line) as? UpdateCommand)
    #expect(
      command.limit.message
        == .with {
          $0.memory = 512 << 20
          $0.cpu = 2
        })
  }

  @Test func defaultsAskForNothing() throws {
    let command = try #require(
      try WorkerCommand.parseAsRoot(["start", "--", "true"]) as? StartCommand)
    #expect(
      command.job.spec
        == .with {
          $0.command = ["true"]
          $0.network = .none
          $0.limits = Worker_V1_Limits()
        })
  }

  /// Usage errors: exit code 2 and one line that names what was wrong.
  @Test(arguments: [
    (["run"], "a command is missing"),
    (["run", "--"], "a command is missing"),
    (["run", "echo", "x"], "echo"),
    (["start", "--memory", "256Q", "--", "x"], "'256Q' is invalid for '--memory"),
    (["start", "--cpu", "much", "--", "x"], "'much' is invalid for '--cpu"),
    (["start", "--timeout", "5", "--", "x"], "'5' is invalid for '--timeout"),
    (["start", "--net", "bridge", "--", "x"], "'bridge' is invalid for '--net"),
    (["start", "--env", "A", "--", "x"], "'A' is invalid for '--env"),
    (["start", "--label", "=v", "--", "x"], "'=v' is invalid for '--label"),
    (["start", "--pids", "many", "--", "x"], "'many' is invalid for '--pids"),
    (["start", "--memory", "-1", "--", "x"], "'-1' is invalid for '--memory"),
    (["start", "--cpu", "-0.5", "--", "x"], "'-0.5' is invalid for '--cpu"),
    (["start", "--cpuset", "", "--", "x"], "'' is invalid for '--cpuset"),
    (["start", "--cpuset", "all", "--", "x"], "'all' is invalid for '--cpuset"),
    (["start", "--cpu-weight", "1.5", "--", "x"], "'1.5' is invalid for '--cpu-weight"),
    (["start", "--memory", "9999999999G", "--", "x"], "is too large"),
    (["start", "--memory-high", "64m", "--", "x"], "'64m' is invalid for '--memory-high"),
    (["start", "--ulimit", "nproc=1", "--", "x"], "'nproc=1' is invalid for '--ulimit"),
    (["start", "--ulimit", "nofile", "--", "x"], "'nofile' is invalid for '--ulimit"),
    (["start", "--ulimit", "nofile=1:2:3", "--", "x"], "'nofile=1:2:3' is invalid for '--ulimit"),
    (["start", "--ulimit", "nofile=-1", "--", "x"], "'nofile=-1' is invalid for '--ulimit"),
    (["update", "x"], "nothing to change"),
    (["update", "x", "--ulimit", "nofile=64", "--memory", "64M"], "--ulimit"),
    (["update", "x", "--best-effort", "--memory", "64M"], "--best-effort"),
    (["run", "--json", "--", "x"], "--json is for --plan"),
    (["start", "--bind", "/a", "--", "x"], "'/a' is invalid for '--bind"),
    (["start", "--bind", "/a:/b:write", "--", "x"], "invalid for '--bind"),
    (["start", "--tmpfs", "/a:much", "--", "x"], "'/a:much' is invalid for '--tmpfs"),
    (["start", "--seccomp", "some", "--", "x"], "'some' is invalid for '--seccomp"),
    (["start", "--output-quota", "much", "--", "x"], "much"),
    (["start", "--output-full", "sell", "--", "x"], "--output-full"),
    (["stop"], "jobs"),
    (["stop", "x", "--signal", "NOPE"], "'NOPE' is invalid for '--signal"),
    (["stop", "x", "--grace", "-1s"], "--grace"),
    (["signal", "x", "NOPE"], "'NOPE'"),
    (["signal", "x"], "signal"),
    (["status"], "job"),
    (["list", "--state", "dead"], "'dead' is invalid for '--state"),
    (["logs", "x", "--tail", "-1"], "--tail"),
    (["logs", "x", "--from", "y.1", "--tail", "1"], "--from says where to begin"),
    (["logs", "x", "--from", ""], "--from '' is no cursor"),
    (["logs", "x", "--since", "1600-01-01T00:00:00Z"], "'1600-01-01T00:00:00Z' is invalid for"),
    (["logs", "x", "--verify", "--follow"], "--verify checks all"),
    (["logs", "x", "--since", "yesterday"], "'yesterday' is invalid for '--since"),
    (["rm"], "--finished"),
    (["rm", "x", "--finished"], "--finished"),
    (["pki", "issue", "x"], "--role"),
    (["pki", "revoke"], "--serial"),
    (["serve", "--log-level", "loud"], "'loud' is invalid for '--log-level"),
    (["nonsense"], "nonsense"),
    (["run", "--nonsense", "--", "x"], "--nonsense"),
  ])
  func usageErrors(line: [String], text: String) throws {
    let failure = try #require(Self.failure(line))
    #expect(failure.code == 2)
    #expect(failure.description.contains(text), "\(failure)")
    #expect(!failure.description.contains("\n"))
    #expect(!failure.description.hasSuffix("."))
    #expect(Message.line(failure.description).hasPrefix("worker: "))
  }

  @Test(arguments: [
    ["dokter", "--help"], ["help", "dokter"], ["nonsense"], ["pki", "nonsense", "--help"],
  ])
  func aVerbThatIsNoneIsAUsageErrorEvenForHelp(_ line: [String]) throws {
    let failure = #expect(throws: Failure.self) { try Verbs.check(line) }
    #expect(failure?.code == 2)
    #expect(failure?.description.hasPrefix("unknown verb '") == true)
  }

  @Test(arguments: [
    [], ["--help"], ["ps"], ["help", "logs"], ["run", "--", "nonsense"], ["pki", "init", "x"],
    ["logs", "x"], ["help"],
  ])
  func verbsAreKnown(_ line: [String]) {
    #expect(throws: Never.self) { try Verbs.check(line) }
  }

  @Test(arguments: [
    ["--help"], ["run", "--help"], ["serve", "-h"], ["pki", "issue", "--help"], ["help", "logs"],
    ["--version"],
  ])
  func helpIsNoError(_ line: [String]) throws {
    do {
      var command = try WorkerCommand.read(line)
      try command.run()
      Issue.record("\(line) gave no help")
    } catch {
      let told = error as? UsageError ?? UsageError(error)
      #expect(told.isHelp)
      #expect(Failure(told).code == 0)
    }
  }

  /// Every verb has an abstract and an example.
  @Test(arguments: commands) func everyCommandHasAnExample(_ name: String) throws {
    let command = try #require(Self.all[name])
    #expect(!command.configuration.abstract.isEmpty)
    #expect(command.configuration.discussion.contains("EXAMPLE"), "\(name)")
  }

  static let commands = all.keys.sorted()

  static let all: [String: any ParsableCommand.Type] = {
    var found: [String: any ParsableCommand.Type] = [:]
    func visit(_ command: any ParsableCommand.Type, _ path: String) {
      found[path] = command
      let configuration = command.configuration
      let all = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
      for child in all { visit(child, "\(path) \(child.configuration.commandName ?? "?")") }
    }
    visit(WorkerCommand.self, "worker")
    return found
  }()

  @Test func theVerbsOfTheContractExist() {
    let contract = [
      "serve", "run", "start", "stop", "signal", "status", "list", "logs", "wait", "rm", "why",
      "pki init", "pki issue", "pki revoke", "pki renew", "pki show", "version",
    ]
    for verb in contract { #expect(Self.all["worker \(verb)"] != nil, "\(verb)") }
    #expect(ListCommand.configuration.aliases == ["ps"])
  }
}
