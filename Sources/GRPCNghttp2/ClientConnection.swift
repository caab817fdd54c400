import GRPCCore
import Linux

/// A connection to a server, as the client sees it. Confined to its loop.
final class ClientConnection: Connection, @unchecked Sendable {
  /// What the owner is told.
  protocol Owner: AnyObject {
    func connectionOpened(_ connection: ClientConnection)
    /// It takes no more calls, or is gone; `error` says why it could not be used.
    func connectionUnusable(_ connection: ClientConnection, _ error: RPCError)
    func connectionGone(_ connection: ClientConnection)
  }

  let authority: String
  private let serverName: String
  private let context: TLSContext
  private weak var owner: (any Owner)?
  private var calls: [Int32: ClientCall] = [:]
  private(set) var isDraining = false
  /// Why it is no more.
  private var failure: RPCError?
  /// Whether the server has spoken HTTP/2: until then it may refuse us.
  private(set) var hasSettings = false
  /// Whether it ended as nobody answered.
  private(set) var hasTimedOut = false
  private(set) var localPeer = ""

  init(
    to endpoint: IPEndpoint, authority: String, serverName: String, context: TLSContext,
    limits: TransportLimits, loop: EventLoop, owner: any Owner
  ) {
    self.authority = authority
    self.serverName = serverName
    self.context = context
    self.owner = owner
    super.init(loop: loop, limits: limits, peer: endpoint, phase: .connecting)
  }

  override var hasStreams: Bool { !self.calls.isEmpty }
  var canTakeCalls: Bool {
    self.phase == .open && !self.isDraining && self.session?.mayRequest == true
  }

  // MARK: Connecting

  func connect(timeout: Int64) {
    self.setTimer(.handshake, after: timeout) { [weak self] in
      self?.connectTimedOut()
    }
    do {
      let socket = try StreamSocket(connectingTo: self.peer)
      try self.register(socket, .writable)
    } catch {
      self.close(CloseReason(error.reason.lowercased()))
    }
  }

  private func connectTimedOut() {
    if self.phase == .handshaking { self.read() }  // what the loop was too slow to read
    guard self.phase == .connecting || self.phase == .handshaking else { return }
    self.hasTimedOut = true
    self.close(CloseReason("no answer in time"))
  }

  override func connected() {
    guard let socket = self.socket else { return }
    if let error = socket.takeError() { return self.close(CloseReason(error.reason.lowercased())) }
    do {
      let time = UInt32(clamping: self.limits.tcpUserTimeout.nanoseconds / 1_000_000)
      try socket.setOptions(userTimeoutMilliseconds: time)
      self.localPeer = try socket.localEndpoint().grpcPeer
      let tls = try TLSStream(
        self.context, records: self.loop.buffers.records, serverName: self.serverName)
      self.tls = tls
      self.phase = .handshaking
      self.want(.readable)
      _ = try tls.handshake(UnsafeRawBufferPointer(start: nil, count: 0))
      self.sendRecords()
    } catch {
      self.close(CloseReason("\(error)"))
    }
  }

  override func handshakeFinished() {
    do throws(SessionError) {
      try self.startSession(events: self)
    } catch {
      return self.close(CloseReason(error.description))
    }
    self.owner?.connectionOpened(self)
    self.callsChanged()
  }

  override func ended(_ reason: CloseReason) {
    let error = self.error(reason)
    self.isDraining = true
    self.failure = error
    self.owner?.connectionUnusable(self, error)
    let calls = self.calls.values
    self.calls = [:]
    for call in calls { call.closed(error) }
    self.owner?.connectionGone(self)
  }

  /// For the user: what was tried, with whom, and why it failed.
  private func error(_ reason: CloseReason) -> RPCError {
    // Until the server's SETTINGS have come it may have refused us, certificate or all.
    let message =
      self.hasSettings
      ? "the connection to \(self.authority) was lost: \(reason)"
      : "cannot connect to \(self.authority) (\(self.peer)): \(reason)"
    let cause =
      self.hasSettings ? nil : ConnectFailure(isOfCertificate: reason.isOwnCertificate)
    return RPCError(code: .unavailable, message: message, cause: cause)
  }

  // MARK: Calls

  func open(_ call: ClientCall, _ headers: HeaderList) throws(RPCError) -> Int32 {
    guard self.phase == .open, let session = self.session else {
      throw self.failure
        ?? RPCError(code: .unavailable, message: "the connection to \(self.authority) has ended")
    }
    do throws(SessionError) {
      let id = try session.submitRequest(headers)
      self.calls[id] = call
      self.cancelTimer(.idle)
      self.flushSoon()
      return id
    } catch {
      throw RPCError(code: .unavailable, message: error.description)
    }
  }

  func callEnded(_ call: ClientCall, stream: Int32) {
    guard self.calls[stream] === call else { return }
    self.calls[stream] = nil
    self.callsChanged()
  }

  /// No more calls; those that are open go on.
  func drain() {
    self.isDraining = true
    self.callsChanged()
  }

  func abort(_ error: RPCError) {
    for call in self.calls.values { call.cancel(error) }
    self.calls = [:]
    self.drain()
  }

  private func callsChanged() {
    guard self.calls.isEmpty, self.phase == .open else { return }
    if self.isDraining {
      // Not now: this may be inside of nghttp2.
      self.setTimer(.idle, after: 0) { [weak self] in self?.leave() }
    } else if let time = self.limits.idleTimeout {
      self.setTimer(.idle, after: time.nanoseconds) { [weak self] in self?.leave() }
    }
  }

  private func leave() {
    guard self.calls.isEmpty else { return }
    self.session?.goAway(.none)
    self.sendFrames()
    // Which ends it where the other side has finished too.
    if self.phase == .open { self.closeGently(CloseReason("no call was left")) }
  }
}

extension ClientConnection: SessionEvents {
  func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool) {
    self.calls[stream]?.received(headers, tooLarge: tooLarge, endStream: endStream)
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
    let call = self.calls.removeValue(forKey: stream)
    call?.closed(http2Error: error)
    if call != nil { self.callsChanged() }
  }

  /// The server has not seen the request: GOAWAY came first, or it cannot be sent at all.
  func refused(stream: Int32, error: SessionError) {
    guard let call = self.calls.removeValue(forKey: stream) else { return }
    if error.isOfConnection {
      call.refused(
        RPCError(
          code: .unavailable, message: "\(self.authority) takes no more calls on this connection"))
    } else {
      let code: RPCError.Code = error.isTooLarge ? .resourceExhausted : .internalError
      call.closed(RPCError(code: code, message: "the request cannot be sent: \(error)"))
    }
    self.callsChanged()
  }

  func receivedSettings() { self.hasSettings = true }

  func receivedGoAway(lastStream: Int32, error: UInt32) {
    self.isDraining = true
    let text = error == 0 ? "it is going away" : HTTP2Error.text(error)
    self.owner?.connectionUnusable(
      self, RPCError(code: .unavailable, message: "\(self.authority): \(text)"))
    self.callsChanged()
  }

  func receivedPingAnswer(_ payload: UInt64) {}
  func protocolError(_ text: String) {}

  func nextData(stream: Int32, limit: Int) -> DataChunk {
    self.calls[stream]?.nextData(limit: limit) ?? .failed
  }

  func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool {
    guard let call = self.calls[stream] else { return false }
    call.outbound.take(count, into: buffer)
    return true
  }
}
