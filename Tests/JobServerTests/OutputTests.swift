import FoundationEssentials
import GRPCCore
import JobAPI
import JobEngine
import JobServer
import Linux
import SwiftProtobuf
import Testing

/// Output through the service.
@Suite struct OutputTests {
  static let jobID = "aaaaaaaaaaaaaaaa"

  static func events() throws -> [OutputEvent] {
    let cursor = try #require(Cursor("\(jobID).100"))
    return [
      .chunk(OutputChunk(stream: .stdout, bytes: [0, 255], offset: 0, cursor: cursor, time: 5)),
      .chunk(OutputChunk(stream: .stderr, bytes: [10], offset: 0, cursor: cursor, time: 6)),
      .end(OutputEnd(complete: true, stdoutBytes: 2, stderrBytes: 1, cursor: cursor)),
    ]
  }

  static func messages(
    _ service: Service, _ request: Worker_V1_StreamOutputRequest
  ) async throws -> [Worker_V1_StreamOutputResponse] {
    try await service.streamOutput(request) { response in
      var all: [Worker_V1_StreamOutputResponse] = []
      for try await message in response.messages { all.append(message) }
      return all
    }
  }

  @Test func chunksAndEndArriveAsTheyAre() async throws {
    let engine = FakeEngine([job(Self.jobID, state: .finished)], events: try Self.events())
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let all = try await Self.messages(service, .with { $0.job = Self.jobID })
      #expect(all.map(\.chunk.data) == [Data([0, 255]), Data([10]), Data()])
      #expect(all.map(\.chunk.stream) == [.stdout, .stderr, .unspecified])
      let end = try #require(all.last?.end)
      #expect(end.complete && end.stdoutBytes == 2 && end.stderrBytes == 1)
      #expect(end.cursor == "\(Self.jobID).100")
      #expect(end.job.id == Self.jobID && end.job.state == .finished)
    }
  }

  @Test func onlyTheWantedStreamIsSent() async throws {
    let engine = FakeEngine([job(Self.jobID, state: .finished)], events: try Self.events())
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let all = try await Self.messages(
        service,
        .with {
          $0.job = Self.jobID
          $0.streams = [.stderr]
        })
      #expect(all.compactMap { $0.event.flatMap { if case .chunk = $0 { 1 } else { nil } } } == [1])
      #expect(all.first?.chunk.stream == .stderr)
    }
  }

  @Test func whatWasSentIsCountedByStream() async throws {
    let engine = FakeEngine([job(Self.jobID, state: .finished)], events: try Self.events())
    try await withService(engine, as: peer("alice", roles: ["user"])) { service in
      let all = try await Self.messages(
        service,
        .with {
          $0.job = Self.jobID
          $0.streams = [.stderr]
          $0.tail = 3
          $0.since = Google_Protobuf_Timestamp(seconds: 1, nanos: 5)
        })
      let end = try #require(all.last?.end)
      #expect(end.hasStdoutSent && end.stdoutSent == 0 && end.stderrSent == 1)
      let view = try #require(engine.views.withLock { $0 }.first)
      #expect(view.tail == 3 && view.since == 1_000_000_005 && view.streams == [.stderr])
    }
  }

  @Test(arguments: [
    ("nonsense", RPCError.Code.invalidArgument), ("bbbbbbbbbbbbbbbb.1", .outOfRange),
  ])
  func cursorsThatAreNoneAreRefused(cursor: String, code: RPCError.Code) async throws {
    try await withService(FakeEngine([job(Self.jobID)]), as: peer("alice", roles: ["user"])) {
      service in
      let error = await failure {
        _ = try await Self.messages(
          service,
          .with {
            $0.job = Self.jobID
            $0.fromCursor = cursor
          })
      }
      #expect(error?.code == code)
    }
  }

  @Test func stopsEndWithTheServer() async throws {
    let longCalls = LongCalls()
    let engine = FakeEngine([job(Self.jobID, state: .stopping)])
    try await withService(engine, as: peer("alice", roles: ["user"]), longCalls: longCalls) {
      service in
      async let stop = failure { _ = try await service.stopJob(.with { $0.job = Self.jobID }) }
      longCalls.end()
      #expect(await stop?.code == .unavailable)
    }
  }

  @Test func followersAndWaitersEndWithTheServer() async throws {
    let longCalls = LongCalls()
    let engine = FakeEngine([job(Self.jobID)], events: Array(try Self.events().dropLast()))
    try await withService(engine, as: peer("alice", roles: ["user"]), longCalls: longCalls) {
      service in
      async let waiter = failure { _ = try await service.waitJob(.with { $0.job = Self.jobID }) }
      let follower = await failure {
        let request = Worker_V1_StreamOutputRequest.with {
          $0.job = Self.jobID
          $0.follow = true
        }
        try await service.streamOutput(request) { response in
          var count = 0
          for try await _ in response.messages {
            count += 1
            if count == 2 { longCalls.end() }
          }
        }
      }
      #expect(follower?.code == .unavailable)
      #expect(await waiter?.code == .unavailable)
      await longCalls.untilIdle()
    }
  }
}
