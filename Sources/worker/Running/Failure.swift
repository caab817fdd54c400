import GRPCCore
import Glibc
import JobClient
import JobServer
import Linux

/// Exit codes of worker's own, beside those of jobs.
enum ExitCode {
  static let success: Int32 = 0
  /// The answer itself is no: of `auth can-i` and `audit verify`.
  static let no: Int32 = 1
  static let usage: Int32 = 2
  static let timedOut: Int32 = 124
  static let failed: Int32 = 125
  static let notExecutable: Int32 = 126
  static let notFound: Int32 = 127
  static func signaled(_ signal: Int32) -> Int32 { 128 + signal }
}

/// Why a command failed, for a person, and the exit code that says so.
struct Failure: Error, Hashable, CustomStringConvertible {
  let description: String
  let code: Int32

  init(_ description: String, code: Int32 = ExitCode.failed) {
    self.description = description
    self.code = code
  }

  /// Of any error that reaches the top.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure:
      self = failure
    case let usage as UsageError:
      self.init(usage.description, code: usage.isHelp ? ExitCode.success : ExitCode.usage)
    case let status as RPCError:
      self.init(Self.text(status), code: Self.code(status))
    default:
      self.init("\(error)")
    }
  }

  private static func text(_ status: RPCError) -> String {
    let text = status.message.isEmpty ? "the server answered \(status.code)" : status.message
    guard text.hasSuffix("connection refused") else { return text }
    return "\(text); is worker serve running there?"
  }

  /// A start that failed at its last step is like a shell's: not found, or not executable.
  private static func code(_ status: RPCError) -> Int32 {
    let metadata = status.metadata
    guard metadata[stringValues: RPCError.startStep].first(where: { _ in true }) == "exec" else {
      return ExitCode.failed
    }
    let errno = metadata[stringValues: RPCError.startErrno].first { _ in true }
    return errno == "\(ENOENT)" ? ExitCode.notFound : ExitCode.notExecutable
  }

  /// Runs `body` and ends the process, with the failure told if there is one.
  static func exiting(_ body: () throws -> Void) -> Never {
    do {
      try body()
      Glibc.exit(ExitCode.success)
    } catch {
      Failure(error).exit(isHelp: (error as? UsageError)?.isHelp ?? false)
    }
  }

  private func exit(isHelp: Bool) -> Never {
    if isHelp {
      do throws(Failure) { try StandardStream.stdout.write(self.description + "\n") } catch {
        error.exit(isHelp: false)
      }
    } else {
      Message.print(self.description)
    }
    Glibc.exit(self.code)
  }
}
