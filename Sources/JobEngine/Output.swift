/// Which of its two streams a job wrote to.
public enum OutputStream: Hashable, Sendable, CaseIterable {
  case stdout, stderr
}

/// A place in a job's output, behind the last byte that was read.
///
/// Its text form (`description`) is for clients to keep; it names the job, so that a cursor of another job is
/// refused and not misread.
public struct Cursor: Hashable, Sendable, CustomStringConvertible {
  /// The job it belongs to.
  public let job: JobID
  /// A position in the job's journal.
  package let position: UInt64

  package init(job: JobID, position: UInt64) {
    self.job = job
    self.position = position
  }

  /// Reads the text form; nil when it is malformed.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let job = JobID(String(parts[0])),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let position = UInt64(parts[1])
    else { return nil }
    self.init(job: job, position: position)
  }

  /// The text form.
  public var description: String { "\(self.job).\(self.position)" }
}

/// A piece of output, raw bytes as the job wrote them.
public struct OutputChunk: Hashable, Sendable {
  /// Where it was written to.
  public var stream: OutputStream
  /// The bytes.
  public var bytes: [UInt8]
  /// Where `bytes` begins in its stream.
  public var offset: UInt64
  /// The place behind `bytes`.
  public var cursor: Cursor
  /// When it was read from the job, in nanoseconds since 1970.
  public var time: Int64

  package init(
    stream: OutputStream, bytes: [UInt8], offset: UInt64, cursor: Cursor, time: Int64
  ) {
    self.stream = stream
    self.bytes = bytes
    self.offset = offset
    self.cursor = cursor
    self.time = time
  }
}

/// Output that the job wrote and that is not there, told of in its place.
public struct OutputGap: Hashable, Sendable {
  /// Why it is not there.
  public enum Reason: Hashable, Sendable {
    /// The quota was full.
    case quota
    /// It could not be written, with the errno.
    case disk(errno: Int32)
  }

  /// Where it was written to.
  public var stream: OutputStream
  /// The first byte that is missing; nil behind a cursor whose place is gone: all since then.
  public var from: UInt64?
  /// The first byte that is not.
  public var to: UInt64
  /// Why.
  public var reason: Reason
  /// The place to go on from.
  public var cursor: Cursor

  package init(
    stream: OutputStream, from: UInt64?, to: UInt64, reason: Reason, cursor: Cursor
  ) {
    self.stream = stream
    self.from = from
    self.to = to
    self.reason = reason
    self.cursor = cursor
  }
}

/// What a reader of output meets: chunks, gaps, and at last the end.
public enum OutputEvent: Hashable, Sendable {
  /// Where a view begins that is not the whole; comes first, unless a chunk is there to tell it.
  case start(Cursor)
  /// More bytes.
  case chunk(OutputChunk)
  /// Bytes that were written and are not kept.
  case gap(OutputGap)
  /// The last event; not sent when the reading fails.
  case end(OutputEnd)
}

/// The end of a reading.
public struct OutputEnd: Hashable, Sendable {
  /// True when the job has finished and this is all it wrote.
  public var complete: Bool
  /// Bytes of stdout from the first to here.
  public var stdoutBytes: UInt64
  /// Bytes of stderr from the first to here.
  public var stderrBytes: UInt64
  /// The place reached.
  public var cursor: Cursor

  package init(complete: Bool, stdoutBytes: UInt64, stderrBytes: UInt64, cursor: Cursor) {
    self.complete = complete
    self.stdoutBytes = stdoutBytes
    self.stderrBytes = stderrBytes
    self.cursor = cursor
  }
}
