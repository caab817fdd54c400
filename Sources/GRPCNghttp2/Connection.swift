import GRPCCore
import Linux

/// One TCP connection with TLS and HTTP/2 on it, of either side. Confined to its loop.
///
/// DESIGN. Readiness leads to `read`: socket, TLS, HTTP/2, whose callbacks change state only.
/// Whoever has something to send calls `flushSoon`; at the end of the loop's turn `flush` pulls
/// frames from HTTP/2, encrypts and sends them. While the socket is full nothing is pulled, so
/// that what waits, waits in the streams' queues, whose writers feel it. A side says what it does
/// with its streams by overriding the methods in "For a side to override".
class Connection: ReadinessHandler, Flushable, @unchecked Sendable {
  // @unchecked: state is touched on the loop only, which each entry checks in debug builds.

  enum Phase: Hashable {
    case connecting
    case handshaking
    case open
    /// Our side has ended; the peer's end is awaited so that it can read what we sent last.
    case lingering
    case closed
  }

  static let lingerTime: Int64 = 1_000_000_000

  let loop: EventLoop
  let limits: TransportLimits
  let peer: IPEndpoint
  var phase: Phase
  var socket: StreamSocket?
  var tls: TLSStream?
  var session: Session?
  private var registration: UInt64?
  private var wanted: Epoll.Events = []
  private var isDirty = false
  /// Nothing is read for a while: the peer sends too much.
  private var isPaced = false
  /// Encrypted bytes that the socket did not take, and how many of them it has taken since.
  var unsent: [UInt8] = []
  var unsentStart = 0
  /// Received bytes that no reader has taken, and how much of them the peer's connection window
  /// still lacks.
  private var unread = 0
  private var owed = 0
  private var timers: [TimerPurpose: TimerQueue.Token] = [:]
  var keepalive: Keepalive

  enum TimerPurpose: Hashable {
    case handshake, keepalive, idle, linger, shutdown, expiry, headers, pace
  }

  init(loop: EventLoop, limits: TransportLimits, peer: IPEndpoint, phase: Phase) {
    self.loop = loop
    self.limits = limits
    self.peer = peer
    self.phase = phase
    self.keepalive = Keepalive(
      interval: limits.keepaliveInterval.nanoseconds,
      timeout: limits.keepaliveTimeout.nanoseconds, now: Clock.monotonic())
  }

  // MARK: For a side to override

  var isServer: Bool { false }
  var hasStreams: Bool { false }
  /// Whether the connection may be closed when HTTP/2 has nothing left to do.
  var mayFinish: Bool { true }
  func handshakeFinished() {}
  /// Nothing is sent or received any more. Called once.
  func ended(_ reason: CloseReason) {}
  func connected() {}
  /// So many bytes have come from the socket: for how long no more is to be read.
  func received(_ count: Int) -> Int64 { 0 }
  /// So many bytes were taken by the socket.
  func sent(_ count: Int) {}
  /// Frames have come, and maybe the beginning of another.
  func receivedFrames() {}
  /// The peer made us work for nothing, over and over.
  func offended(_ reason: CloseReason) { self.close(reason) }
  /// The socket is closed. Called once, after `ended`.
  func socketClosed() {}

  // MARK: Registration and timers

  func register(_ socket: StreamSocket, _ events: Epoll.Events) throws(SystemError) {
    self.socket = socket
    self.wanted = events
    self.registration = try self.loop.register(
      socket.descriptor.rawValue, events: events, self)
  }

  func want(_ events: Epoll.Events) {
    let events = self.isPaced ? events.subtracting(.readable) : events
    guard let socket = self.socket, let token = self.registration, events != self.wanted else {
      return
    }
    self.wanted = events
    self.loop.change(socket.descriptor.rawValue, token: token, events: events)
  }

  /// Reads nothing for `time`; the kernel's buffers fill, and the peer feels it.
  func pace(for time: Int64) {
    guard !self.isPaced else { return }
    self.isPaced = true
    self.want(self.wanted)
    self.setTimer(.pace, after: time) { [weak self] in
      guard let self else { return }
      self.isPaced = false
      self.want(self.wanted.union(.readable))
    }
  }

  func dropSocket() {
    if let socket = self.socket, let token = self.registration {
      self.loop.unregister(socket.descriptor.rawValue, token: token)
    }
    self.registration = nil
    self.socket = nil
  }

  func setTimer(_ purpose: TimerPurpose, after: Int64, _ action: @escaping () -> Void) {
    self.cancelTimer(purpose)
    self.timers[purpose] = self.loop.schedule(after: after) { [weak self] in
      self?.timers[purpose] = nil
      action()
    }
  }

  func cancelTimer(_ purpose: TimerPurpose) {
    self.loop.cancel(self.timers.removeValue(forKey: purpose))
  }

  // MARK: Life

  func ready(_ events: Epoll.Events) {
    self.loop.preconditionOnLoop()
    switch self.phase {
    case .connecting: self.connected()
    case .handshaking, .open:
      if events.contains(.writable) { self.sendUnsent() }
      if events != .writable, self.phase != .closed { self.read() }
    case .lingering:
      if events.contains(.writable) { self.sendUnsent() }
      if events != .writable, self.phase == .lingering { self.discardInput() }
    case .closed: break
    }
  }

  /// TLS is done: HTTP/2 begins.
  func startSession(events: any SessionEvents) throws(SessionError) {
    self.session = try Session(isServer: self.isServer, limits: self.limits, events: events)
    self.phase = .open
    self.cancelTimer(.handshake)
    self.checkKeepalive()
    self.flushSoon()
  }

  func flushSoon() {
    guard !self.isDirty, self.phase != .closed else { return }
    self.isDirty = true
    self.loop.flushSoon(self)
  }

  func flush() {
    self.isDirty = false
    self.sendFrames()
  }

  /// The end, now. Not from inside nghttp2, whose session it ends.
  func close(_ reason: CloseReason) {
    self.loop.preconditionOnLoop()
    guard self.phase != .closed else { return }
    assert(self.session?.isReceiving != true, "closed from inside nghttp2")
    let wasLingering = self.phase == .lingering
    self.phase = .closed
    for timer in self.timers.values { self.loop.cancel(timer) }
    self.timers = [:]
    self.dropSocket()
    self.unsent = []
    if !wasLingering { self.finish(reason) }
    self.socketClosed()
  }

  /// The end of our side; what was sent is still delivered, and the peer's end awaited a while.
  func closeGently(_ reason: CloseReason) {
    guard self.phase == .open || self.phase == .handshaking else { return self.close(reason) }
    self.tls?.sendClose()
    self.sendRecords()
    guard self.phase != .closed else { return }
    self.phase = .lingering
    if self.unsent.isEmpty { self.endOutput() }
    self.setTimer(.linger, after: Self.lingerTime) { [weak self] in self?.close(reason) }
    self.finish(reason)
  }

  /// After the last byte: the peer's end is awaited.
  func endOutput() {
    self.socket?.shutdownWrite()
    self.want(.readable)
  }

  private func finish(_ reason: CloseReason) {
    self.cancelTimer(.keepalive)
    self.cancelTimer(.idle)
    self.cancelTimer(.handshake)
    self.ended(reason)
    self.session = nil
    self.tls = nil
  }

  func checkKeepalive() {
    let mayPing = self.isServer || self.hasStreams
    var action = self.keepalive.check(now: Clock.monotonic(), mayPing: mayPing)
    if action == .dead {
      // A loop that was stopped (as by SIGSTOP) sees its timers first: the answer may have come.
      self.read()
      guard self.phase == .open else { return }
      action = self.keepalive.check(now: Clock.monotonic(), mayPing: mayPing)
    }
    switch action {
    case .off: break
    case .wait(let time):
      self.setTimer(.keepalive, after: time) { [weak self] in
        self?.checkKeepalive()
      }
    case .ping(let time):
      self.session?.ping(0)
      self.flushSoon()
      self.setTimer(.keepalive, after: time) { [weak self] in self?.checkKeepalive() }
    case .dead: self.close(CloseReason("the peer does not answer"))
    }
  }

  // MARK: Windows

  /// Bytes of DATA have come. The connection's window is given back at once while few are unread,
  /// so that a reader that stops holds up its own stream only.
  func arrived(_ count: Int) {
    self.unread += count
    if self.unread <= self.limits.unreadPerConnection {
      self.session?.consumeConnection(count)
    } else {
      self.owed += count
    }
  }

  /// A reader has taken bytes of DATA, or nobody ever will.
  func consumed(stream: Int32, _ count: Int) {
    self.unread -= count
    self.session?.consume(stream: stream, count)
    self.giveOwed()
    self.flushSoon()
  }

  /// `change` more messages wait for their readers: many small ones cost more than their bytes.
  func messagesWaiting(_ change: Int) {
    self.unread += change * Self.messageCost
    if change < 0 { self.giveOwed() }
  }

  private static let messageCost = 64

  private func giveOwed() {
    guard self.owed > 0, self.unread <= self.limits.unreadPerConnection else { return }
    self.session?.consumeConnection(self.owed)
    self.owed = 0
    self.flushSoon()
  }
}

/// Why a connection ended, in words for a person.
struct CloseReason: Hashable, CustomStringConvertible {
  let description: String
  /// Of a handshake that came to nothing.
  let fault: HandshakeFault
  /// Whether the peer does not accept our certificate.
  let isOwnCertificate: Bool

  init(
    _ description: String, fault: HandshakeFault = .cut, isOwnCertificate: Bool = false
  ) {
    self.description = description
    self.fault = fault
    self.isOwnCertificate = isOwnCertificate
  }
}
