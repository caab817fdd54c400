import FoundationEssentials
package import GRPCCore
package import JobAPI
package import JobEngine
import SwiftProtobuf

/// A request for output, checked.
package struct OutputRequest: Sendable {
  let cursor: Cursor?
  let view: OutputView
  let follow: Bool
  let streams: Set<OutputStream>

  package init(_ message: Worker_V1_StreamOutputRequest, job: JobID) throws(RPCError) {
    self.cursor = try Self.cursor(message.fromCursor, job: job)
    self.follow = message.follow
    var streams: Set<OutputStream> = []
    for stream in message.streams { streams.insert(try OutputStream(stream)) }
    self.streams = streams.isEmpty ? Set(OutputStream.allCases) : streams
    self.view = try Self.view(message, self.streams)
  }

  private static func view(
    _ message: Worker_V1_StreamOutputRequest, _ streams: Set<OutputStream>
  ) throws(RPCError) -> OutputView {
    var view = OutputView()
    view.streams = streams
    view.hasExactTimes = message.exactTimes
    if message.hasTail { view.tail = Int(clamping: message.tail) }
    if message.hasSince { view.since = try Self.nanoseconds(message.since) }
    return view
  }

  private static func nanoseconds(_ time: Google_Protobuf_Timestamp) throws(RPCError) -> Int64 {
    let (product, overflow) = time.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(Int64(time.nanos))
    guard !overflow, !carry else {
      throw RPCError(
        code: .invalidArgument,
        message: "since is out of range, got \(time.seconds) s: give a time from 1678 to 2262")
    }
    return sum
  }

  private static func cursor(_ text: String, job: JobID) throws(RPCError) -> Cursor? {
    guard !text.isEmpty else { return nil }
    guard let cursor = Cursor(text) else {
      throw RPCError(
        code: .invalidArgument, message: "cursor '\(text)' is malformed: give one that was sent")
    }
    guard cursor.job == job else {
      throw RPCError(
        code: .outOfRange, message: "cursor '\(text)' is of job \(cursor.job), not of \(job)")
    }
    return cursor
  }
}

/// What one call has sent of each stream, for the client to compare with what it got.
struct SentBytes: Hashable, Sendable {
  private(set) var stdout: Int64 = 0
  private(set) var stderr: Int64 = 0

  mutating func add(_ chunk: OutputChunk) {
    switch chunk.stream {
    case .stdout: self.stdout += Int64(chunk.bytes.count)
    case .stderr: self.stderr += Int64(chunk.bytes.count)
    }
  }
}

extension OutputStream {
  init(_ message: Worker_V1_OutputStream) throws(RPCError) {
    switch message {
    case .stdout: self = .stdout
    case .stderr: self = .stderr
    case .unspecified, .UNRECOGNIZED:
      throw RPCError(
        code: .invalidArgument,
        message: "stream \(message.rawValue) is unknown: give STDOUT or STDERR")
    }
  }
}

extension Worker_V1_StreamOutputResponse {
  init(_ chunk: OutputChunk) {
    self.init()
    self.chunk = .with {
      $0.stream = chunk.stream == .stdout ? .stdout : .stderr
      $0.data = Data(chunk.bytes)
      $0.offset = Int64(clamping: chunk.offset)
      $0.cursor = chunk.cursor.description
      $0.time = Google_Protobuf_Timestamp(nanoseconds: chunk.time)
    }
  }

  /// `job` is the finished job, where the end is one.
  init(_ end: OutputEnd, sent: SentBytes, job: JobStatus?) {
    self.init()
    self.end = .with {
      $0.complete = end.complete
      $0.stdoutBytes = Int64(clamping: end.stdoutBytes)
      $0.stderrBytes = Int64(clamping: end.stderrBytes)
      $0.cursor = end.cursor.description
      $0.stdoutSent = sent.stdout
      $0.stderrSent = sent.stderr
      if let job { $0.job = Worker_V1_Job(job) }
    }
  }
}
