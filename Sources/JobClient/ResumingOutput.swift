import FoundationEssentials
import GRPCCore
package import JobAPI
import Linux
import SwiftProtobuf

/// Which output is wanted.
package struct OutputRequest: Hashable, Sendable {
  /// An id, a prefix of one, or a name.
  package var job: String
  /// The place to go on behind; nil: from the first byte.
  package var cursor: String?
  /// Until the job has ended, or only what is there now.
  package var follow: Bool
  /// Empty: both.
  package var streams: Set<Worker_V1_OutputStream>
  /// Begin with so many last lines of what is there. Not with a cursor.
  package var tail: Int?
  /// Begin with what was written then or later, in nanoseconds since 1970. Not with a cursor.
  package var since: Int64?
  /// Chunks as they were read from the job, so that their times are exact.
  package var exactTimes = false

  /// Nothing is left out, so that both streams begin with their first byte.
  fileprivate var isWhole: Bool { self.cursor == nil && self.tail == nil && self.since == nil }

  package init(
    job: String, cursor: String? = nil, follow: Bool = true,
    streams: Set<Worker_V1_OutputStream> = []
  ) {
    self.job = job
    self.cursor = cursor
    self.follow = follow
    self.streams = streams
  }
}

/// A reading of output that survives its connections: knows where it is, so that the next one goes
/// on there, and checks every chunk against that.
final class ResumingOutput: Sendable {
  private let wanted: OutputRequest
  private let position: Lock<OutputPosition>

  init(_ wanted: OutputRequest) {
    self.wanted = wanted
    self.position = Lock(OutputPosition(wanted))
  }

  var cursor: String? { self.position.withLock { $0.cursor } }

  /// What to ask the server for now.
  var request: Worker_V1_StreamOutputRequest {
    let position = self.position.withLock { $0 }
    return .with {
      $0.job = position.job ?? self.wanted.job
      $0.fromCursor = position.cursor ?? ""
      $0.follow = self.wanted.follow
      $0.streams = self.wanted.streams.sorted { $0.rawValue < $1.rawValue }
      $0.exactTimes = self.wanted.exactTimes
      // Once there is a place, it says where to go on.
      guard position.cursor == nil else { return }
      if let tail = self.wanted.tail { $0.tail = Int64(tail) }
      if let since = self.wanted.since { $0.since = Google_Protobuf_Timestamp(wallTime: since) }
    }
  }

  /// Reads one answer to its end; throws when it breaks off.
  func receive(
    _ response: StreamingClientResponse<Worker_V1_StreamOutputResponse>,
    onGap: @Sendable (Worker_V1_OutputGap) async throws -> Void,
    _ onChunk: @Sendable (Worker_V1_OutputChunk) async throws -> Void
  ) async throws -> Worker_V1_OutputEnd {
    var received = ReceivedBytes()
    for try await message in response.messages {
      switch message.event {
      case .start(let start):
        self.position.withLock { $0.begin(at: start.cursor) }
      case .chunk(let chunk):
        received.add(chunk)
        let fresh = try self.position.withLock { (position) throws(RPCError) in
          try position.fresh(of: chunk)
        }
        if let fresh { try await onChunk(fresh) }
        // Only now: what was not handed over is asked for again.
        self.position.withLock { $0.advance(over: chunk) }
      case .gap(let gap):
        let fresh = try self.position.withLock { (position) throws(RPCError) in
          try position.fresh(of: gap)
        }
        if let fresh { try await onGap(fresh) }
        self.position.withLock { $0.advance(over: gap) }
      case .end(let end):
        try received.compare(with: end)
        try self.position.withLock { (position) throws(RPCError) in try position.finish(end) }
        return end
      case nil:
        continue  // an event of a later version
      }
    }
    throw RPCError(code: .unavailable, message: "the output broke off without its last message")
  }
}

/// Where a reading is, in the journal and in each stream.
struct OutputPosition: Hashable, Sendable {
  private(set) var cursor: String?
  /// The job's id once output has come: a name may be given to another job while we are away. Never
  /// from the cursor that was asked for, as the server has to see whether that is the job's.
  private(set) var job: String?
  /// The next byte of each stream; unknown behind a cursor until its first chunk.
  private var next: [Worker_V1_OutputStream: Int64]
  private let streams: Set<Worker_V1_OutputStream>

  init(_ wanted: OutputRequest) {
    self.cursor = wanted.cursor
    self.streams = wanted.streams.isEmpty ? [.stdout, .stderr] : wanted.streams
    self.next = wanted.isWhole ? [.stdout: 0, .stderr: 0] : [:]
  }

  /// The server has found the place where the view begins.
  mutating func begin(at cursor: String) {
    self.cursor = cursor
    self.job = Self.job(of: cursor)
  }

  /// What of the chunk has not been handed over yet, nil if nothing; throws when bytes are missing.
  func fresh(of chunk: Worker_V1_OutputChunk) throws(RPCError) -> Worker_V1_OutputChunk? {
    guard let next = self.next[chunk.stream] else { return chunk }
    guard chunk.offset <= next else {
      throw Self.gap(in: chunk.stream, from: next, to: chunk.offset)
    }
    let known = next - chunk.offset
    if known == 0 { return chunk }
    if known >= Int64(chunk.data.count) { return nil }
    var rest = chunk
    rest.data = Data(chunk.data.dropFirst(Int(known)))
    rest.offset = next
    return rest
  }

  /// What of the gap is news, nil if nothing; throws when bytes before it are missing.
  func fresh(of gap: Worker_V1_OutputGap) throws(RPCError) -> Worker_V1_OutputGap? {
    guard let next = self.next[gap.stream] else { return gap }
    if gap.hasFrom, gap.from > next { throw Self.gap(in: gap.stream, from: next, to: gap.from) }
    guard gap.to > next else { return nil }
    var rest = gap
    rest.from = next
    return rest
  }

  mutating func advance(over chunk: Worker_V1_OutputChunk) {
    self.advance(chunk.stream, to: chunk.offset + Int64(chunk.data.count), cursor: chunk.cursor)
  }

  mutating func advance(over gap: Worker_V1_OutputGap) {
    self.advance(gap.stream, to: gap.to, cursor: gap.cursor)
  }

  private mutating func advance(
    _ stream: Worker_V1_OutputStream, to end: Int64, cursor: String
  ) {
    self.next[stream] = max(self.next[stream] ?? 0, end)
    self.cursor = cursor
    self.job = Self.job(of: cursor)
  }

  private static func job(of cursor: String) -> String? {
    cursor.split(separator: ".").first.map(String.init)
  }

  /// The end says how many bytes there are: all of them must have come.
  mutating func finish(_ end: Worker_V1_OutputEnd) throws(RPCError) {
    let totals: [Worker_V1_OutputStream: Int64] = [
      .stdout: end.stdoutBytes, .stderr: end.stderrBytes,
    ]
    for stream in self.streams {
      guard let next = self.next[stream], let total = totals[stream], next != total else {
        continue
      }
      throw RPCError(
        code: .dataLoss,
        message: "output is missing: the job wrote \(total) bytes to \(stream.name), and "
          + "\(next) came")
    }
    self.cursor = end.cursor
  }

  private static func gap(
    in stream: Worker_V1_OutputStream, from: Int64, to: Int64
  ) -> RPCError {
    RPCError(
      code: .dataLoss,
      message: "output is missing: \(stream.name) goes on at byte \(to) where byte \(from) was "
        + "expected")
  }
}

/// What came in one call, to be compared with what the server says it has sent.
struct ReceivedBytes: Hashable, Sendable {
  private var counts: [Worker_V1_OutputStream: Int64] = [:]

  mutating func add(_ chunk: Worker_V1_OutputChunk) {
    self.counts[chunk.stream, default: 0] += Int64(chunk.data.count)
  }

  func compare(with end: Worker_V1_OutputEnd) throws(RPCError) {
    let sent: [(Worker_V1_OutputStream, Int64?)] = [
      (.stdout, end.hasStdoutSent ? end.stdoutSent : nil),
      (.stderr, end.hasStderrSent ? end.stderrSent : nil),
    ]
    for (stream, count) in sent {
      let came = self.counts[stream] ?? 0
      guard let count, count != came else { continue }
      throw RPCError(
        code: .dataLoss,
        message: "output is missing: the server sent \(count) bytes of \(stream.name), and "
          + "\(came) came")
    }
  }
}

extension Worker_V1_OutputStream {
  fileprivate var name: String { self == .stderr ? "stderr" : "stdout" }
}

extension Google_Protobuf_Timestamp {
  fileprivate init(wallTime: Int64) {
    let (seconds, rest) = wallTime.quotientAndRemainder(dividingBy: 1_000_000_000)
    self.init(
      seconds: rest < 0 ? seconds - 1 : seconds,
      nanos: Int32(rest < 0 ? rest + 1_000_000_000 : rest))
  }
}
