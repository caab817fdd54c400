import GRPCCore

@testable import GRPCNghttp2

/// A server's HTTP/2 in memory that answers calls as our server does, without a handler.
final class GRPCSide: SessionEvents {
  private var session: Session?
  private var deframers: [Int32: MessageDeframer] = [:]
  private(set) var isOver = false
  private let output = OutputBuffer(capacity: 1 << 18)

  init(limits: TransportLimits = TransportLimits()) throws {
    self.session = try Session(isServer: true, limits: limits, events: self)
  }

  func receive(_ bytes: [UInt8]) {
    do {
      try bytes.withUnsafeBytes { try self.session?.receive($0) }
      _ = try self.session?.send(into: self.output)
      self.output.removeAll()
      self.isOver = self.session?.isFinished ?? true || self.session?.isFlooded ?? true
    } catch {
      self.isOver = true
    }
  }

  func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool) {
    do throws(RequestHead.Refusal) {
      if tooLarge { throw RequestHead.refusal(.resourceExhausted, "too large") }
      _ = try RequestHead(headers, methods: [:])
      self.deframers[stream] = MessageDeframer(maximumSize: 8 << 20)
    } catch {
      self.session?.offended()
      try? self.session?.submitResponse(error.headers, stream: stream, body: false)
    }
  }

  func received(data: UnsafeRawBufferPointer, stream: Int32) {
    self.session?.consumeConnection(data.count)
    self.session?.consume(stream: stream, data.count)
    do {
      try self.deframers[stream]?.append(data) { _ in self.session?.completed() }
    } catch {
      self.session?.reset(stream: stream, .cancel)
    }
  }

  func receivedEnd(stream: Int32) {
    let trailers = HeaderCoding.trailers(Status(code: .ok, message: ""), [:], only: true)
    try? self.session?.submitResponse(trailers, stream: stream, body: false)
  }

  func closed(stream: Int32, error: UInt32) { self.deframers[stream] = nil }
  func protocolError(_ text: String) { self.session?.offended() }
  func receivedSettings() {}
  func receivedGoAway(lastStream: Int32, error: UInt32) {}
  func receivedPingAnswer(_ payload: UInt64) {}
  func refused(stream: Int32, error: SessionError) {}
  func nextData(stream: Int32, limit: Int) -> DataChunk { .failed }
  func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool { false }
}
