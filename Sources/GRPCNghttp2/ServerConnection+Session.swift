import GRPCCore

/// What HTTP/2 tells a server.
extension ServerConnection: SessionEvents {
  func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool) {
    guard self.calls[stream] == nil else { return }  // trailers, which gRPC requests do not have
    do throws(RequestHead.Refusal) {
      if let refusal = self.refusal { throw RequestHead.refusal(.resourceExhausted, refusal) }
      if tooLarge {
        throw RequestHead.refusal(
          .resourceExhausted, "headers are larger than \(self.limits.headerListSize) bytes")
      }
      if let page = ServerPage.Request(headers, of: self.owner.pages) {
        return try self.accept(page, stream: stream)
      }
      let head = try RequestHead(headers, methods: self.owner.methods)
      try self.accept(head, stream: stream, ended: endStream)
    } catch {
      self.session?.offended()
      try? self.session?.submitResponse(error.headers, stream: stream, body: false)
      if self.refusal != nil { self.finishShutdown() }
    }
  }

  func received(data: UnsafeRawBufferPointer, stream: Int32) {
    self.arrived(data.count)
    guard let call = self.calls[stream] else {
      return self.consumed(stream: stream, data.count)
    }
    call.received(data)
  }

  func receivedEnd(stream: Int32) { self.calls[stream]?.receivedEnd() }

  func closed(stream: Int32, error: UInt32) {
    let text = HTTP2Error.text(error)
    if self.page?.stream == stream { self.page = nil }
    let reason = RPCError(code: .cancelled, message: "the client ended the call (\(text))")
    self.calls.removeValue(forKey: stream)?.closed(reason)
    self.restartIdleTimer()
  }

  /// nghttp2 leaves the stream open: without a reset its client would wait for ever.
  func refused(stream: Int32, error: SessionError) {
    if self.session?.isOpen(stream) == true {
      self.session?.reset(stream: stream, .internalError)
      self.flushSoon()
    }
    self.calls[stream]?.cancel(
      RPCError(code: .internalError, message: "the answer could not be sent: \(error)"))
  }

  func receivedPingAnswer(_ payload: UInt64) {
    if payload == Self.shutdownPing, self.isShuttingDown { self.finishShutdown() }
  }

  func receivedSettings() { self.receivedPreface() }
  func receivedGoAway(lastStream: Int32, error: UInt32) {}
  func protocolError(_ text: String) { self.session?.offended() }

  func nextData(stream: Int32, limit: Int) -> DataChunk {
    self.calls[stream]?.nextData(limit: limit)
      ?? self.page(of: stream)?.nextData(limit: limit) ?? .failed
  }

  func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool {
    guard let call = self.calls[stream] else {
      return self.page(of: stream)?.take(count, into: buffer) ?? false
    }
    call.outbound.take(count, into: buffer)
    return true
  }
}
