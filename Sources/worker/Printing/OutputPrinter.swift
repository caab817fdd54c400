import JobAPI
import Linux
import SwiftProtobuf

/// Writes output as `logs` was asked to: as it is, or from some moment on, or with times.
final class OutputPrinter: Sendable {
  private let writer: OutputWriter
  private let since: Int64?
  private let stamper: Lock<LineStamper>?

  /// `since`: nanoseconds since 1970.
  init(writer: OutputWriter, since: Int64?, timestamps: Bool) {
    self.writer = writer
    self.since = since
    self.stamper = timestamps ? Lock(LineStamper()) : nil
  }

  func isWanted(_ chunk: Worker_V1_OutputChunk) -> Bool {
    guard let since else { return true }
    return chunk.time.seconds * 1_000_000_000 + Int64(chunk.time.nanos) >= since
  }

  func print(_ chunk: Worker_V1_OutputChunk) async throws {
    guard self.isWanted(chunk) else { return }
    try await self.print(
      Tail.Piece(stream: chunk.stream, time: chunk.time, bytes: [UInt8](chunk.data)))
  }

  func print(_ piece: Tail.Piece) async throws {
    let bytes =
      self.stamper?.withLock { $0.stamped(piece.bytes, piece.stream, piece.time) } ?? piece.bytes
    try await self.writer.write(bytes, to: piece.stream == .stderr ? .stderr : .stdout)
  }
}
