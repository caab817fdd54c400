import ArgumentParser
import GRPCNghttp2

/// `worker`: all verbs.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Runs Linux processes on a host for remote users: isolated, limited, watched live.",
    discussion: """
      A server on the host (worker serve) runs jobs; clients start, watch and stop them over gRPC \
      with mutual TLS. JOB is an id, a unique prefix of one, or a name.

      EXAMPLE:
        worker pki init certs
        sudo worker serve --certs certs &
        worker run --memory 256M -- sh -c 'echo hello; sleep 2; echo done'

      EXIT CODES:
        the job's own (run, wait); 128+n when signal n ended it
        124 its --timeout ended it; 125 worker itself failed
        126 command not executable; 127 command not found; 2 usage error
        1 the answer is no (auth can-i, audit verify)
      """,
    version: Version.current,
    subcommands: [],
    groupedSubcommands: [
      CommandGroup(
        name: "Jobs",
        subcommands: [
          RunCommand.self, StartCommand.self, StopCommand.self, SignalCommand.self,
          StatusCommand.self, ListCommand.self, LogsCommand.self, WaitCommand.self,
          RemoveCommand.self, WhyCommand.self, PauseCommand.self, ResumeCommand.self,
          UpdateCommand.self,
          TopCommand.self,
        ]),
      CommandGroup(
        name: "Host",
        subcommands: [
          ServeCommand.self, DoctorCommand.self, PKICommand.self, AuthCommand.self,
          AuditCommand.self, InfoCommand.self,
        ]),
      CommandGroup(name: "Other", subcommands: [VersionCommand.self, BenchCommand.self]),
    ])

  /// Parses the arguments and runs what they name, to the end of the process where that takes a loop.
  static func execute(_ arguments: [String]) throws {
    if try Verbs.check(arguments) is any ClientCommand.Type { ClientTables.loadAhead() }
    var command = try Self.read(arguments)
    if let command = command as? any LoopCommand { try command.execute() }
    do {
      try command.run()
    } catch  where Self.exitCode(for: error).isSuccess {
      throw UsageError(error)  // the parser's own: help was asked for
    }
  }

  /// Reads the arguments of a verb. `run`, which people wait for, is read by itself first: among all verbs the
  /// parser takes milliseconds longer. What it does not take, help among it, is told as for the others.
  static func read(_ arguments: [String]) throws(UsageError) -> any ParsableCommand {
    if arguments.first == "run", let run = try? RunCommand.parseAsRoot(Array(arguments.dropFirst()))
    {
      return run
    }
    do {
      return try Self.parseAsRoot(arguments)
    } catch {
      throw UsageError(error)
    }
  }
}

/// What the parser had to say: help or a version when asked for it, otherwise a mistake.
struct UsageError: Error, CustomStringConvertible {
  let description: String
  let isHelp: Bool

  init(_ error: any Error) {
    self.isHelp = WorkerCommand.exitCode(for: error).isSuccess
    if self.isHelp {
      self.description = WorkerCommand.fullMessage(for: error)
    } else {
      self.description = Self.sentence(WorkerCommand.message(for: error))
    }
  }

  /// In the form of our other messages: one line, lower case, without full stop.
  private static func sentence(_ message: String) -> String {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    let bare = line.hasSuffix(".") ? String(line.dropLast()) : line
    guard let first = bare.first, !bare.dropFirst().prefix(1).allSatisfy(\.isUppercase) else {
      return bare
    }
    return first.lowercased() + bare.dropFirst()
  }
}

enum Version {
  static let current = "0.1.0"
}
