import JobAPI

/// How a finished job ended, in the terms of a shell.
struct JobEnding: Hashable {
  /// What `run` and `wait` exit with.
  let code: Int32
  /// What the person should hear, beside the code.
  let message: String?

  init(_ job: Worker_V1_Job) {
    let exit = job.exit
    switch exit.reason {
    case .timedOut:
      self.code = ExitCode.timedOut
    case .lost, .startFailed, .unspecified, .UNRECOGNIZED:
      self.code = ExitCode.failed
    case .exited, .signaled, .stopped, .oomKilled:
      self.code = exit.hasSignal ? ExitCode.signaled(exit.signal) : exit.code
    }
    self.message = exit.reason == .exited ? nil : "job \(job.id): \(Self.sentence(exit))"
  }

  private static func sentence(_ exit: Worker_V1_Exit) -> String {
    exit.message.isEmpty ? "ended: \(exit.reason)" : exit.message
  }
}
