import JobAPI
import Linux

/// Writes output as `logs` was asked to: as it is, or with times.
final class OutputPrinter: Sendable {
  private let writer: OutputWriter
  private let stamper: Lock<LineStamper>?

  init(writer: OutputWriter, timestamps: Bool) {
    self.writer = writer
    self.stamper = timestamps ? Lock(LineStamper()) : nil
  }

  func print(_ chunk: Worker_V1_OutputChunk) async throws {
    guard let stamper else { return try await self.writer.write(chunk) }
    let bytes = stamper.withLock { $0.stamped([UInt8](chunk.data), chunk.stream, chunk.time) }
    try await self.writer.write(bytes, to: chunk.stream == .stderr ? .stderr : .stdout)
  }
}
