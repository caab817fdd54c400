import FoundationEssentials
package import GRPCCore
package import JobAPI
package import JobEngine
import SwiftProtobuf

/// A request for output, checked.
package struct OutputRequest: Sendable {
  let cursor: Cursor?
  let follow: Bool
  let streams: Set<OutputStream>

  package init(_ message: Worker_V1_StreamOutputRequest, job: JobID) throws(RPCError) {
    self.cursor = try Self.cursor(message.fromCursor, job: job)
    self.follow = message.follow
    var streams: Set<OutputStream> = []
    for stream in message.streams { streams.insert(try OutputStream(stream)) }
    self.streams = streams.isEmpty ? Set(OutputStream.allCases) : streams
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
      $0.offset = Int64(chunk.offset)
      $0.cursor = chunk.cursor.description
      $0.time = Google_Protobuf_Timestamp(nanoseconds: chunk.time)
    }
  }

  /// `job` is the finished job, where the end is one.
  init(_ end: OutputEnd, job: JobStatus?) {
    self.init()
    self.end = .with {
      $0.complete = end.complete
      $0.stdoutBytes = Int64(end.stdoutBytes)
      $0.stderrBytes = Int64(end.stderrBytes)
      $0.cursor = end.cursor.description
      if let job { $0.job = Worker_V1_Job(job) }
    }
  }
}
