import ArgumentParser
import GRPCCore
import GRPCNghttp2
import JobClient
import Linux
import PKI

/// A command whose work is done on an event loop that its main thread becomes.
protocol LoopCommand: ParsableCommand {
  /// Reads what blocks, then runs the loop and leaves by exit(3).
  func execute() throws -> Never
}

extension LoopCommand {
  func run() throws { try self.execute() }
}

/// What a verb of the client works with.
struct Session: Sendable {
  let client: JobClient<Nghttp2ClientTransport>
  let signals: AsyncStream<Int32>
  let output = OutputWriter()
  let pause: @Sendable (Duration) async throws -> Void
}

/// A verb of the client: connects, does one thing, and gives back the exit code.
protocol ClientCommand: LoopCommand, Sendable {
  var connection: ConnectionOptions { get }
  /// The signals that `run` wants to hear of instead of dying.
  static var signals: [Int32] { get }
  func run(_ session: Session) async throws -> Int32
}

extension ClientCommand {
  static var signals: [Int32] { [] }

  func execute() throws -> Never {
    let connection = try self.connection.resolve()
    // Before the first thread, as threads inherit what is blocked.
    let signals = try SignalStream(SignalStream.heeded(of: Self.signals))
    try EventLoop.runOnCurrentThread { loop in
      do {
        let teller = RetryTeller()
        let client = try JobClient(connection, loop: loop, onRetry: { teller.tell($0, $1) })
        Self.warn(client.validity)
        return try await self.run(
          finishing: Session(
            client: client, signals: signals.start(), pause: { try await loop.pause(for: $0) }))
      } catch {
        let failure = Failure(error)
        Message.print(failure.description)
        return failure.code
      }
    }
  }

  /// In time, so that nobody is locked out by surprise.
  private static func warn(_ validity: TLSValidity?) {
    let now = Clock.wall() / 1_000_000_000
    guard let validity, validity.isEnding(at: now) else { return }
    let end = rfc3339(validity.notAfter)
    Message.print(
      now > validity.notAfter
        ? "your certificate expired on \(end): have it renewed"
        : "your certificate ends on \(end): have it renewed")
  }

  /// What was taken from the network is written before anything is said of how it went.
  private func run(finishing session: Session) async throws -> Int32 {
    do {
      let code = try await self.run(session)
      try await session.output.finish()
      return code
    } catch {
      try? await session.output.finish()  // the error that came first is the one to tell
      throw error
    }
  }
}

/// Says that a connection is being made again: at once to a person, and to a file only when it takes
/// its time; once, and not with every attempt.
private final class RetryTeller: Sendable {
  private let outage = Lock(Outage(isTerminal: StandardStream.stderr.isTerminal))

  func tell(_ error: RPCError, _ isFirst: Bool) {
    let mustTell = self.outage.withLock {
      $0.failed(error.message, isFirst: isFirst, now: Clock.boot())
    }
    if mustTell { Message.print("\(error.message); trying again") }
  }
}
