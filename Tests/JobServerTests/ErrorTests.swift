import GRPCCore
import JobAPI
import JobEngine
import JobServer
import Linux
import Logging
import SwiftProtobuf
import TestSupport
import Testing

/// The engine's errors on their way out.
@Suite struct ErrorTests {
  @Test(arguments: [
    (WorkerError.Code.invalidArgument, RPCError.Code.invalidArgument),
    (.notFound, .notFound),
    (.failedPrecondition, .failedPrecondition),
    (.resourceExhausted, .resourceExhausted),
    (.outOfRange, .outOfRange),
    (.dataLoss, .dataLoss),
    (.alreadyExists, .alreadyExists),
    (.unavailable, .unavailable),
    (.startFailed, .invalidArgument),
    (.aborted, .aborted),
    (.cancelled, .cancelled),
  ])
  func everyErrorKeepsItsMessage(code: WorkerError.Code, status: RPCError.Code) async throws {
    let engine = FakeEngine(failure: WorkerError(code, "what to do"))
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let error = await failure {
        _ = try await service.startJob(.with { $0.spec.command = ["true"] })
      }
      #expect(error?.code == status)
      #expect(error?.message == "what to do")
    }
  }

  @Test func failedStartTellsStepAndErrno() async throws {
    let failed = WorkerError(
      .startFailed, "exec /no/such: No such file or directory", step: "exec", errno: 2)
    try await withService(FakeEngine(failure: failed), as: peer("alice", roles: ["user"])) {
      service in
      let error = await failure {
        _ = try await service.startJob(.with { $0.spec.command = ["/no/such"] })
      }
      #expect(error?.message == failed.message)
      #expect(error.map { Array($0.metadata[stringValues: "worker-start-step"]) } == ["exec"])
      #expect(error.map { Array($0.metadata[stringValues: "worker-start-errno"]) } == ["2"])
    }
  }

  @Test func aStartThatTheHostIsTooShortForIsNoFaultOfTheRequest() async throws {
    let failed = WorkerError(.startFailed, "clone3: EAGAIN", step: "clone3", errno: 11)
    try await withService(FakeEngine(failure: failed), as: peer("alice", roles: ["user"])) {
      service in
      let error = await failure {
        _ = try await service.startJob(.with { $0.spec.command = ["true"] })
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test func whatShouldNotHappenIsForTheLogOnly() async throws {
    let lines = Lock<[String]>([])
    try await withService(
      FakeEngine(failure: WorkerError(.internal, "open(/secret/path): EIO")),
      as: peer("alice", roles: ["user"]),
      log: .lines { line in lines.withLock { $0.append(line) } }
    ) { service in
      let error = await failure {
        _ = try await service.startJob(.with { $0.spec.command = ["true"] })
      }
      #expect(error?.code == .internalError)
      #expect(error?.message.contains("secret") == false)
    }
    #expect(lines.withLock { $0 }.filter { $0.contains("/secret/path") }.count == 1)
  }

  @Test func failureOfAStreamIsConvertedToo() async throws {
    let engine = FakeEngine(
      [job("aaaaaaaaaaaaaaaa")], failure: WorkerError(.outOfRange, "no such place"))
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let error = await failure {
        try await service.streamOutput(.with { $0.job = "aaaaaaaaaaaaaaaa" }) { response in
          for try await _ in response.messages {}
        }
      }
      #expect(error?.code == .outOfRange)
      #expect(error?.message == "no such place")
    }
  }

  @Test func logLinesCannotBeForged() {
    let lines = Lock<[String]>([])
    LogLines.write("a\nb c=\"d\"\u{1b}", to: lines)
    let line = lines.withLock { $0.joined() }
    #expect(line.filter { $0 == "\n" }.count == 1)
    #expect(line.hasSuffix("key=\"a\\nb c=\\\"d\\\"\\u{1b}\"\n"))
  }

  @Test func longCommandsAreCutInTheLog() async throws {
    let lines = Lock<[String]>([])
    let log = Logger.lines { line in lines.withLock { $0.append(line) } }
    try await withService(FakeEngine(), as: peer("alice", roles: ["user"]), log: log) { service in
      let command = ["x" + String(repeating: "é", count: 1000)]
      _ = try await service.startJob(.with { $0.spec.command = command })
    }
    let line = lines.withLock { $0.joined() }
    #expect(line.contains("command=x\(String(repeating: "é", count: 99))… job="), "\(line)")
  }
}
