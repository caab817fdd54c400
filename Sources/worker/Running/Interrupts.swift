import Glibc

/// What the signals that `run` gets mean: Ctrl-C goes to the job, then stops it; being told to end
/// is no reason to end the job.
struct Interrupts: Hashable, Sendable {
  enum Action: Hashable {
    /// Pass SIGINT on to the job.
    case forward(job: String)
    /// Pass it on as soon as the server has said which job it is.
    case remember
    /// Stop the job.
    case stop(job: String)
    /// End this client with a word about the job.
    case leave(code: Int32, message: String)
  }

  private var job: String?
  private var interrupts = 0
  /// The job's end has come: a request that it cut off has nothing to tell any more.
  private(set) var hasEnded = false

  /// The server has said that the job was started; what is to be done now that came before.
  mutating func started(_ job: String) -> Action? {
    self.job = job
    return self.interrupts > 0 ? .forward(job: job) : nil
  }

  mutating func ended() { self.hasEnded = true }

  mutating func received(_ signal: Int32) -> Action {
    if signal == SIGINT { self.interrupts += 1 }
    guard let job = self.job else {
      if signal == SIGINT, self.interrupts == 1 { return .remember }
      return .leave(
        code: ExitCode.signaled(signal),
        message: "left before the server said that the job was started; worker list shows if it was"
      )
    }
    guard signal == SIGINT else { return self.leave(job, signal) }
    switch self.interrupts {
    case 1: return .forward(job: job)
    case 2: return .stop(job: job)
    default: return self.leave(job, signal)
    }
  }

  private func leave(_ job: String, _ signal: Int32) -> Action {
    let what = self.interrupts > 1 ? "is being stopped" : "keeps running"
    return .leave(
      code: ExitCode.signaled(signal),
      message: "job \(job) \(what); worker logs --follow \(job) shows it")
  }
}
