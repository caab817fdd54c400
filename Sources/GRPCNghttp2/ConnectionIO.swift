import Linux

/// Bytes between socket, TLS and HTTP/2.
extension Connection {
  /// Reads of one readiness: a bound, so that one fast peer does not hold up the loop.
  private static var readsPerTurn: Int { 4 }

  func read() {
    let buffer = self.loop.buffers.received
    for _ in 0..<Self.readsPerTurn {
      guard let socket = self.socket, self.phase == .open || self.phase == .handshaking else {
        return
      }
      switch socket.receive(buffer) {
      case .bytes(let count):
        self.keepalive.received(now: Clock.monotonic())
        let pause = self.received(count)
        self.received(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if pause > 0 { return self.pace(for: pause) }
        if count < buffer.count { return }
      case .wouldBlock: return
      case .ended: return self.close(CloseReason("the peer closed the connection"))
      case .failed(let error): return self.close(CloseReason(error.reason.lowercased()))
      }
    }
  }

  private func received(_ bytes: UnsafeRawBufferPointer) {
    guard let tls = self.tls else { return }
    do throws(TLSFailure) {
      guard self.phase == .handshaking else { return try self.decrypt(bytes, tls) }
      let progress = try tls.handshake(bytes)
      self.sendRecords()
      guard progress == .done, self.phase == .handshaking else { return }
      let rest = tls.unread
      self.handshakeFinished()
      if self.phase == .open { try self.decrypt(rest, tls) }
    } catch {
      self.failed(error)
    }
  }

  private func decrypt(_ bytes: UnsafeRawBufferPointer, _ tls: TLSStream) throws(TLSFailure) {
    var failure: SessionError?
    let progress = try tls.receive(bytes, buffer: self.loop.buffers.decrypted) { plain in
      do throws(SessionError) {
        try self.session?.receive(plain)
        return true
      } catch {
        failure = error
        return false
      }
    }
    // What TLS itself has to say must not wait in a buffer that all connections of the loop share.
    self.sendRecords()
    self.session?.renewedKeys(tls.takeKeyUpdates())
    if let failure {
      let reason = CloseReason(self.session?.offence ?? failure.description)
      return failure.isFlood ? self.offended(reason) : self.close(reason)
    }
    if progress == .ended { return self.close(CloseReason("the peer closed the connection")) }
    if self.session?.isFlooded == true { return self.endFlood() }
    self.receivedFrames()
    // Answers of nghttp2 itself: acknowledgements, window updates, resets.
    if self.session?.wantsToSend == true { self.flushSoon() } else { self.closeIfFinished() }
  }

  /// With the word that HTTP/2 has for it, RFC 9113 7.
  private func endFlood() {
    let frames = self.loop.buffers.frames
    self.session?.goAway(.enhanceYourCalm)
    if (try? self.session?.send(into: frames)) != nil { try? self.tls?.send(frames.bytes) }
    frames.removeAll()
    self.offended(CloseReason("flood: too many frames that serve nothing"))
  }

  /// The alert that tells the peer why is sent, and the peer given time to read it: closing with
  /// unread bytes would reset the connection and lose it.
  func failed(_ error: TLSFailure) {
    self.sendRecords()
    self.closeGently(
      CloseReason(
        error.description, fault: error.fault, isOwnCertificate: error.isOwnCertificate))
  }

  // MARK: Sending

  func sendFrames() {
    let frames = self.loop.buffers.frames
    defer { frames.removeAll() }
    while self.phase == .open, self.unsent.isEmpty, let session = self.session {
      do {
        let more = try session.send(into: frames)
        if frames.isEmpty { return self.closeIfFinished() }
        try self.tls?.send(frames.bytes)
        frames.removeAll()
        self.sendRecords()
        if !more { return self.closeIfFinished() }
      } catch let error as TLSFailure {
        return self.failed(error)
      } catch {
        return self.close(CloseReason("\(error)"))
      }
    }
  }

  private func closeIfFinished() {
    guard self.phase == .open, self.unsent.isEmpty, self.mayFinish,
      self.session?.isFinished == true
    else { return }
    self.closeGently(CloseReason("both sides had finished"))
  }

  /// Sends what TLS has made; what the socket does not take is kept.
  func sendRecords() {
    let records = self.loop.buffers.records
    defer { records.removeAll() }
    guard !records.isEmpty, let socket = self.socket else { return }
    guard self.unsent.isEmpty else {
      self.unsent.append(contentsOf: records.bytes)
      return
    }
    var rest = records.bytes
    while !rest.isEmpty {
      switch socket.send(rest) {
      case .bytes(let count):
        self.sent(count)
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .wouldBlock:
        self.unsent = Array(rest)
        self.unsentStart = 0
        return self.want([.readable, .writable])
      case .failed(let error): return self.sendFailed(error)
      case .ended: return
      }
    }
  }

  func sendUnsent() {
    guard !self.unsent.isEmpty, let socket = self.socket else { return }
    let start = self.unsentStart
    let progress = self.unsent.withUnsafeBytes {
      socket.send(UnsafeRawBufferPointer(rebasing: $0[start...]))
    }
    switch progress {
    case .bytes(let count):
      self.sent(count)
      self.unsentStart += count
      if self.unsentStart == self.unsent.count { self.sentAll() }
    case .wouldBlock, .ended: break
    case .failed(let error): self.sendFailed(error)
    }
  }

  private func sentAll() {
    self.unsent = []
    self.unsentStart = 0
    if self.phase == .lingering { return self.endOutput() }
    self.want(.readable)
    self.flushSoon()
  }

  /// A peer that refused us may have said why before it closed: that is read first.
  private func sendFailed(_ error: SystemError) {
    self.unsent = []
    self.unsentStart = 0
    if self.phase == .open, self.session?.isReceiving != true { self.read() }
    self.close(CloseReason(error.reason.lowercased()))
  }

  /// Reads and drops until the peer ends.
  func discardInput() {
    let buffer = self.loop.buffers.received
    guard let socket = self.socket else { return }
    switch socket.receive(buffer) {
    case .bytes, .wouldBlock: return
    case .ended, .failed: self.close(CloseReason("lingered"))
    }
  }
}
