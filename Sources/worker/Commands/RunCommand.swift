import ArgumentParser
import GRPCCore
import Glibc
import JobAPI
import JobClient
import Linux

/// `worker run`
struct RunCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    _superCommandName: "worker",  // see WorkerCommand.read
    abstract: "Start a job, follow its output, exit with its exit code.",
    discussion: """
      Its stdout and stderr come out here, byte for byte. Ctrl-C once is passed on to the job, twice \
      stops it; losing this client never ends the job.

      EXAMPLE:
        worker run --timeout 10m -- sh -c 'echo hello; sleep 2; echo done'
      """,
    version: Version.current)
  static let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP]

  @OptionGroup(title: "Job Options") var job: JobOptions
  @OptionGroup(title: "Connection") var connection: ConnectionOptions
  @Flag(help: "Print a plan (--plan) as JSON.") var json = false

  func validate() throws {
    try self.job.requireCommand()
    guard !self.json || self.job.plan else {
      throw ValidationError("--json is for --plan: the output of run is the job's")
    }
  }

  func run(_ session: Session) async throws -> Int32 {
    if self.job.plan { return try await session.tellPlan(self.job.spec, json: self.json) }
    let interrupts = Lock(Interrupts())
    return try await withThrowingTaskGroup(of: Int32?.self) { group in
      group.addTask { try await self.follow(session, interrupts) }
      group.addTask { try await self.obey(session, interrupts) }
      defer { group.cancelAll() }
      while let ended = try await group.next() {
        if let code = ended { return code }
      }
      return ExitCode.failed
    }
  }

  private func follow(_ session: Session, _ interrupts: Lock<Interrupts>) async throws -> Int32 {
    let job = try await session.client.start(self.job.spec)
    LimitNotes(job).print()
    if interrupts.withLock({ $0.started(job.id) }) != nil {
      await Self.interrupt(job.id, session, interrupts)
    }
    do {
      let end = try await session.client.output(
        of: OutputRequest(job: job.id), onGap: { try await session.output.tell($0) },
        onChunk: { try await session.output.write($0) })
      interrupts.withLock { $0.ended() }
      try await session.output.finish()  // before our own word on how it ended
      return Self.tell(end.hasJob ? end.job : try await session.client.wait(job.id))
    } catch let error as RPCError where [.dataLoss, .notFound].contains(error.code) {
      throw Failure("\(Failure(error)); worker status \(job.id) tells what there is of the job")
    } catch {
      throw Failure(
        "\(Failure(error)); job \(job.id) goes on: worker logs --follow \(job.id) shows it")
    }
  }

  /// Does what the signals ask for, until the job has ended.
  private func obey(_ session: Session, _ interrupts: Lock<Interrupts>) async throws -> Int32? {
    await withDiscardingTaskGroup { group in
      for await signal in session.signals {
        switch interrupts.withLock({ $0.received(signal) }) {
        case .forward(let job):
          group.addTask { await Self.interrupt(job, session, interrupts) }
        case .remember:
          Message.print("the interrupt goes to the job as soon as it has started; once more leaves")
        case .stop(let job):
          Message.print("stopping job \(job)")
          group.addTask { await Self.stop(job, session, interrupts) }
        case .leave(let code, let message):
          Message.print(message)
          Glibc.exit(code)
        }
      }
      group.cancelAll()
    }
    return nil
  }

  private static func interrupt(
    _ job: String, _ session: Session, _ interrupts: Lock<Interrupts>
  ) async {
    do {
      try await session.client.signal(job, "INT")
    } catch let error as RPCError where error.code == .failedPrecondition {
      // It has just ended: there is nobody to interrupt.
    } catch  where interrupts.withLock({ $0.hasEnded }) {
      // Its end has come before the answer, and is told.
    } catch {
      Message.print(
        "the interrupt may not have reached job \(job): \(Failure(error)); Ctrl-C again stops it")
    }
  }

  private static func stop(
    _ job: String, _ session: Session, _ interrupts: Lock<Interrupts>
  ) async {
    do {
      _ = try await session.client.stop(job)
    } catch  where interrupts.withLock({ $0.hasEnded }) {
      // As above.
    } catch {
      Message.print(
        "job \(job) was not stopped: \(Failure(error)); worker stop \(job) tries again")
    }
  }

  private static func tell(_ job: Worker_V1_Job) -> Int32 {
    let ending = JobEnding(job)
    if let message = ending.message { Message.print(message) }
    return ending.code
  }
}

extension OutputWriter {
  /// To the stream it was written to by the job.
  func write(_ chunk: Worker_V1_OutputChunk) async throws(Failure) {
    try await self.write([UInt8](chunk.data), to: chunk.stream == .stderr ? .stderr : .stdout)
  }
}
