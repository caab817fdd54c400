import GRPCCore
import JobAPI
import JobClient
import Linux
import SwiftProtobuf
import Testing

/// The client library against a server that comes and goes.
@Suite struct ClientTests {
  static let lost = RPCError(code: .unavailable, message: "the connection was lost")

  @Test func startIsRepeatedWithTheSameRequestID() async throws {
    let record = try await withClient([.fail(Self.lost), .fail(Self.lost), .answer]) {
      client, service in
      _ = try await client.start(.with { $0.command = ["true"] })
      let ids = service.requests.withLock { $0 }.compactMap {
        ($0 as? Worker_V1_StartJobRequest)?.requestID
      }
      #expect(ids.count == 3 && Set(ids).count == 1 && ids[0].count == 32)
      _ = await failure { _ = try await client.start(.with { $0.command = ["true"] }) }
      let last = service.requests.withLock { $0.last as? Worker_V1_StartJobRequest }
      #expect(last?.requestID != ids[0])
    }
    #expect(record.retries == ["the connection was lost", "the connection was lost"])
  }

  @Test func pausesGrow() async throws {
    let steps = Array(repeating: ScriptedService.Step.fail(Self.lost), count: 6) + [.answer]
    let record = try await withClient(steps) { client, _ in _ = try await client.get("x") }
    #expect(record.pauses.count == 6)
    for (index, pause) in record.pauses.enumerated() {
      let base = min(Duration.milliseconds(100) * (1 << index), .seconds(3))
      #expect(pause >= base * 0.7 && pause <= base * 1.3, "pause \(index) was \(pause)")
    }
  }

  @Test func givesUpAfterItsPatience() async throws {
    let steps = Array(repeating: ScriptedService.Step.fail(Self.lost), count: 100)
    let record = try await withClient(steps) { client, _ in
      let error = await failure { _ = try await client.get("x") }
      #expect(error == Self.lost)
    }
    let total = record.pauses.reduce(.zero, +)
    #expect(total >= .seconds(55) && total < .seconds(70))
  }

  @Test(arguments: [RPCError.Code.notFound, .permissionDenied, .internalError, .cancelled])
  func otherErrorsAreNotRepeated(_ code: RPCError.Code) async throws {
    let record = try await withClient([.fail(RPCError(code: code, message: "m")), .answer]) {
      client, _ in
      let error = await failure { _ = try await client.get("x") }
      #expect(error?.code == code)
    }
    #expect(record.pauses.isEmpty)
  }

  @Test func signalsAndRemovalsAreNeverRepeated() async throws {
    let record = try await withClient([.fail(Self.lost), .fail(Self.lost)]) { client, _ in
      let signal = await failure { try await client.signal("x", "HUP") }
      let remove = await failure { try await client.remove("x") }
      #expect(signal == Self.lost && remove == Self.lost)
    }
    #expect(record.pauses.isEmpty)
  }

  @Test func outputGoesOnWhereTheConnectionWasLost() async throws {
    let record = try await withClient([
      .stream([chunk("ab", at: 0, cursor: 1), chunk("x", at: 0, cursor: 2, .stderr)], Self.lost),
      .fail(Self.lost),
      .stream([chunk("cd", at: 2, cursor: 3)], nil),  // breaks off without its last message
      .stream([chunk("cde", at: 2, cursor: 4), chunk("yz", at: 1, cursor: 5, .stderr)], Self.lost),
      .stream([end(5, 3)], nil),
    ]) { client, service in
      let bytes = Lock<[Worker_V1_OutputStream: String]>([:])
      let end = try await client.output(of: OutputRequest(job: "build")) { chunk in
        bytes.withLock {
          $0[chunk.stream, default: ""] += String(decoding: chunk.data, as: UTF8.self)
        }
      }
      #expect(end.complete && end.stdoutBytes == 5)
      let all = bytes.withLock { $0 }
      #expect(all == [.stdout: "abcde", .stderr: "xyz"])
      let requests = service.requests.withLock { $0 }
        .compactMap { $0 as? Worker_V1_StreamOutputRequest }
      let id = "aaaaaaaaaaaaaaaa"
      #expect(requests.map(\.fromCursor) == ["", "\(id).2", "\(id).2", "\(id).3", "\(id).5"])
      #expect(requests.map(\.job) == ["build", id, id, id, id])
    }
    #expect(record.pauses.count == 4)
  }

  @Test(arguments: [
    [chunk("ab", at: 0, cursor: 1), chunk("d", at: 3, cursor: 2), end(4)],
    [chunk("b", at: 1, cursor: 1), end(2)],
    [chunk("ab", at: 0, cursor: 1), end(3)],
    [chunk("ab", at: 0, cursor: 1), end(2, 1)],
  ])
  func missingBytesAreAnError(_ messages: [Worker_V1_StreamOutputResponse]) async throws {
    _ = try await withClient([.stream(messages, nil)]) { client, _ in
      let error = await failure {
        _ = try await client.output(of: OutputRequest(job: "x")) { _ in }
      }
      #expect(error?.code == .dataLoss)
    }
  }

  @Test func behindACursorTheFirstChunkTellsThePlace() async throws {
    _ = try await withClient([
      .stream([chunk("f", at: 5, cursor: 8), chunk("h", at: 7, cursor: 9)], nil)
    ]) { client, _ in
      let error = await failure {
        _ = try await client.output(of: OutputRequest(job: "x", cursor: "aaaaaaaaaaaaaaaa.7")) {
          _ in
        }
      }
      #expect(error?.code == .dataLoss)
      #expect(
        error?.message == "output is missing: stdout goes on at byte 7 where byte 6 was expected")
    }
  }

  @Test func aViewIsAskedForAgainOnlyUntilThereIsAPlace() async throws {
    let start = Worker_V1_StreamOutputResponse.with { $0.start.cursor = "aaaaaaaaaaaaaaaa.7" }
    _ = try await withClient([
      .fail(Self.lost), .stream([start], Self.lost), .stream([end(6)], nil),
    ]) { client, service in
      var request = OutputRequest(job: "build")
      request.tail = 0
      request.since = -1
      _ = try await client.output(of: request) { _ in }
      let requests = service.requests.withLock { $0 }
        .compactMap { $0 as? Worker_V1_StreamOutputRequest }
      #expect(requests.map(\.hasTail) == [true, true, false])
      #expect(requests.first?.since.seconds == -1 && requests.first?.since.nanos == 999_999_999)
      #expect(requests.last?.fromCursor == "aaaaaaaaaaaaaaaa.7" && requests.last?.hasSince == false)
    }
  }

  @Test func aServerThatSentMoreThanCameIsAnError() async throws {
    var last = end(2)
    last.end.stdoutSent = 3
    _ = try await withClient([.stream([chunk("ab", at: 0, cursor: 1), last], nil)]) { client, _ in
      let error = await failure {
        _ = try await client.output(of: OutputRequest(job: "x")) { _ in }
      }
      #expect(error?.code == .dataLoss)
      #expect(
        error?.message == "output is missing: the server sent 3 bytes of stdout, and 2 came")
    }
  }

  @Test func theJobThatWasAskedForIsTheOneRead() async throws {
    let cursor = "bbbbbbbbbbbbbbbb.7"
    _ = try await withClient([
      .fail(Self.lost), .stream([chunk("f", at: 5, cursor: 8)], Self.lost), .stream([end(6)], nil),
    ]) { client, service in
      _ = try await client.output(of: OutputRequest(job: "build", cursor: cursor)) { _ in }
      let requests = service.requests.withLock { $0 }
        .compactMap { $0 as? Worker_V1_StreamOutputRequest }
      #expect(requests.map(\.job) == ["build", "build", "aaaaaaaaaaaaaaaa"])
      #expect(requests.map(\.fromCursor) == [cursor, cursor, "aaaaaaaaaaaaaaaa.8"])
    }
  }

  @Test func aReaderThatFailsEndsTheReading() async throws {
    struct Full: Error {}
    let record = try await withClient([.stream([chunk("ab", at: 0, cursor: 1), end(2)], nil)]) {
      client, _ in
      await #expect(throws: Full.self) {
        _ = try await client.output(of: OutputRequest(job: "x")) { _ in throw Full() }
      }
    }
    #expect(record.pauses.isEmpty)
  }
}
