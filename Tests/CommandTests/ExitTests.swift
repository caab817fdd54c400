import GRPCCore
import Glibc
import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// Exit codes and what signals mean.
@Suite struct ExitTests {
  static func job(
    _ reason: Worker_V1_ExitReason, code: Int32? = nil, signal: Int32? = nil
  ) -> Worker_V1_Job {
    .with {
      $0.id = "aaaaaaaaaaaaaaaa"
      $0.exit.reason = reason
      $0.exit.message = "how it ended"
      if let code { $0.exit.code = code }
      if let signal { $0.exit.signal = signal }
    }
  }

  @Test(
    arguments: [
      (job(.exited, code: 0), 0, nil),
      (job(.exited, code: 42), 42, nil),
      (job(.signaled, signal: 9), 137, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.stopped, signal: 15), 143, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.stopped, code: 3), 3, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.oomKilled, signal: 9), 137, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.timedOut, signal: 15), 124, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.timedOut, code: 0), 124, "job aaaaaaaaaaaaaaaa: how it ended"),
      (job(.lost), 125, "job aaaaaaaaaaaaaaaa: how it ended"),
    ] as [(Worker_V1_Job, Int32, String?)])
  func exitCodeOfAnEndedJob(job: Worker_V1_Job, code: Int32, message: String?) {
    let ending = JobEnding(job)
    #expect(ending.code == code)
    #expect(ending.message == message)
  }

  @Test(
    arguments: [
      ("exec", ENOENT, 127), ("exec", EACCES, 126), ("exec", ENOEXEC, 126), ("exec", EISDIR, 126),
      ("chdir", ENOENT, 125), ("", 0, 125),
    ] as [(String, Int32, Int32)])
  func exitCodeOfAStartThatFailed(step: String, errno: Int32, code: Int32) {
    var metadata = Metadata()
    if !step.isEmpty {
      metadata.addString(step, forKey: "worker-start-step")
      metadata.addString("\(errno)", forKey: "worker-start-errno")
    }
    let failure = Failure(RPCError(code: .invalidArgument, message: "m", metadata: metadata))
    #expect(failure == Failure("m", code: code))
  }

  @Test func signalsThatAreIgnoredStayIgnored() {
    let before = signal(SIGUSR2, SIG_IGN)
    defer { signal(SIGUSR2, before) }
    #expect(SignalStream.heeded(of: [SIGUSR1, SIGUSR2]) == [SIGUSR1])
  }

  @Test func interruptsGoToTheJobThenStopIt() {
    var interrupts = Interrupts()
    let pending = interrupts.started("j")
    #expect(pending == nil)
    #expect(interrupts.received(SIGINT) == .forward(job: "j"))
    #expect(interrupts.received(SIGINT) == .stop(job: "j"))
    guard case .leave(130, _) = interrupts.received(SIGINT) else {
      Issue.record("a third interrupt must end the client")
      return
    }
  }

  @Test(arguments: [SIGTERM, SIGHUP]) func beingToldToEndLeavesTheJob(_ signal: Int32) {
    var interrupts = Interrupts()
    let pending = interrupts.started("j")
    #expect(pending == nil)
    guard case .leave(let code, let message) = interrupts.received(signal) else {
      Issue.record("must leave")
      return
    }
    #expect(code == 128 + signal)
    #expect(message.contains("job j keeps running"))
  }

  @Test func anInterruptBeforeTheStartGoesToTheJobOnceItHasStarted() {
    var interrupts = Interrupts()
    let first = interrupts.received(SIGINT)
    let pending = interrupts.started("j")
    #expect(first == .remember)
    #expect(pending == .forward(job: "j"))
    #expect(interrupts.received(SIGINT) == .stop(job: "j"))
  }

  @Test(arguments: [[SIGTERM], [SIGINT, SIGINT], [SIGINT, SIGHUP]])
  func beforeTheStartASecondSignalLeaves(_ signals: [Int32]) throws {
    var interrupts = Interrupts()
    let last = try #require(signals.map { interrupts.received($0) }.last)
    guard case .leave(let code, _) = last else {
      Issue.record("must leave")
      return
    }
    #expect(code == 128 + (signals.last ?? 0))
  }

  @Test func wordsThatAreNotUTF8AreRefused() throws {
    #expect(throws: Never.self) { try Arguments.check(Array("worker\0run\0\u{fffd}\0".utf8)) }
    let failure = #expect(throws: Failure.self) {
      try Arguments.check(Array("worker\0run\0".utf8) + [0x61, 0xff, 0])
    }
    #expect(failure?.code == 2)
    #expect(failure?.description.contains("argument 2 is not UTF-8") == true)
  }
}
