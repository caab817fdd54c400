import GRPCCore
import Linux

/// A client's connection, as the server sees it. Confined to its loop.
final class ServerConnection: Connection, @unchecked Sendable {
  typealias StreamHandler = ServerLoop.StreamHandler

  /// Keeps this connection until nothing of it is left.
  let owner: ServerLoop
  private var context: TLSContext
  /// What the calls' answers have queued.
  let queued = QueuedBytes()
  /// Bytes of requests that are not complete, of all calls.
  var incomplete = 0
  /// Whether it counts as one whose client has shown who it is.
  private(set) var isAdmitted = false
  /// Why its client may not stay, though it has shown who it is.
  var refusal: String?
  /// Counts what its identity uses; nil before the handshake is done.
  private(set) var account: ClientAccount?
  /// Whether the account counts this connection.
  var isCounted = false
  /// Whether the client has begun HTTP/2.
  var hasPreface = false
  /// The list of fields that is being received, if its timer runs.
  var headersWatched: Int?
  var calls: [Int32: ServerCall] = [:]
  /// The one GET that is being answered, see `ServerPage`.
  var page: ServerPage?
  /// Handlers that have not returned: those of calls that are gone too.
  var handlers = 0
  private(set) var identity: PeerIdentity?
  private var localPeer = ""
  private(set) var isShuttingDown = false
  private var hasSaidLast = false

  init(_ socket: StreamSocket, peer: IPEndpoint, owner: ServerLoop) throws {
    self.owner = owner
    self.context = owner.context
    super.init(loop: owner.loop, limits: owner.limits, peer: peer, phase: .handshaking)
    try socket.setOptions(
      userTimeoutMilliseconds: UInt32(clamping: self.limits.tcpUserTimeout.nanoseconds / 1_000_000))
    self.localPeer = try socket.localEndpoint().grpcPeer
    self.tls = try TLSStream(self.context, records: self.loop.buffers.records)
    try self.register(socket, .readable)
    self.setTimer(.handshake, after: self.limits.handshakeTimeout.nanoseconds) { [weak self] in
      self?.handshakeTimedOut()
    }
  }

  private func handshakeTimedOut() {
    self.read()  // what the loop was too slow to read
    guard self.phase == .handshaking else { return }
    self.close(CloseReason("the TLS handshake took too long", fault: .timeout))
  }

  override var isServer: Bool { true }
  override var hasStreams: Bool { !self.calls.isEmpty }
  /// Between the announcement and the last word a request may still be on its way.
  override var mayFinish: Bool { !self.isShuttingDown || self.hasSaidLast }
  /// Whether nothing of this connection is left, handlers included.
  var isGone: Bool { (self.phase == .closed || self.phase == .lingering) && self.handlers == 0 }

  override func handshakeFinished() {
    guard let identity = self.tls?.peerIdentity() else {
      return self.failed(TLSFailure("the client sent no certificate", .noCertificate))
    }
    self.identity = identity
    let account = self.owner.account(identity)
    self.account = account
    self.queued.account = account
    self.refusal = account.connect(now: Clock.monotonic())
    self.isCounted = self.refusal == nil
    if self.isCounted {
      self.isAdmitted = self.owner.admit(self)
      guard self.isAdmitted else {
        let reason = "the limit of open connections is reached"
        self.refusal = reason
        return self.closeGently(CloseReason(reason))
      }
    }
    do throws(SessionError) {
      try self.startSession(events: self)
    } catch {
      return self.close(CloseReason(error.description))
    }
    self.expectPreface()
    if self.refusal != nil { return }
    self.owner.report(.connectionOpened(peer: self.peer, identity: identity))
    self.restartIdleTimer()
    self.setExpiry(identity)
    self.verifyAgain()
  }

  private func setExpiry(_ identity: PeerIdentity) {
    let (seconds, now) = (identity.notAfter, Clock.wall() / 1_000_000_000)
    let left = min(max(0, seconds - now), Self.longestTimer) * 1_000_000_000
    self.setTimer(.expiry, after: left) { [weak self] in self?.expired() }
  }

  private static let longestTimer: Int64 = 100 * 366 * 86_400

  /// No new call; those that run may end in the same time as at a shutdown.
  private func expired() {
    self.beginShutdown()
    self.setTimer(.expiry, after: self.limits.shutdownGrace.nanoseconds) { [weak self] in
      self?.loseIdentity("the client's certificate has expired")
    }
  }

  /// With the context that is used now: the client's certificate may have been revoked.
  func verifyAgain() {
    guard self.phase == .open, let tls = self.tls, self.context !== self.owner.context else {
      return
    }
    self.context = self.owner.context
    if tls.isPeerAccepted(by: self.context) { return }
    self.loseIdentity("the client's certificate is not accepted any more")
  }

  private func loseIdentity(_ reason: String) {
    if let identity {
      self.owner.report(.identityLost(peer: self.peer, identity: identity, reason: reason))
    }
    self.abort(reason)
  }

  override func received(_ count: Int) -> Int64 {
    self.owner.traffic.received(count)
    return self.account?.received(count, now: Clock.monotonic()) ?? 0
  }
  override func sent(_ count: Int) { self.owner.traffic.sent(count) }
  override func receivedFrames() { self.watchHeaders() }
  override func offended(_ reason: CloseReason) { self.flooded(reason) }

  override func socketClosed() { self.owner.socketClosed(self) }

  override func ended(_ reason: CloseReason) {
    if self.isCounted { self.account?.disconnect() }
    self.isCounted = false
    if let refusal = self.refusal {
      self.owner.report(
        .connectionRefused(peer: self.peer, identity: self.identity, reason: refusal))
    } else if self.identity == nil {
      self.owner.report(
        .handshakeRefused(peer: self.peer, reason: reason.description, fault: reason.fault))
    } else {
      self.owner.report(.connectionClosed(peer: self.peer, reason: reason.description))
    }
    let error = RPCError(
      code: .unavailable, message: "the connection was lost: \(reason.description)")
    let calls = self.calls.values
    self.calls = [:]
    self.page = nil
    for call in calls { call.closed(error) }
    self.owner.connectionChanged(self)
  }

  // MARK: Shutdown

  /// Announces it, and after a round trip (so that requests on their way are still taken) says
  /// which request was the last, RFC 9113 6.8.
  func beginShutdown() {
    // Nothing was promised to a peer that has not shown who it is.
    if self.phase == .handshaking {
      return self.close(CloseReason("the server is shutting down", fault: .shutdown))
    }
    guard self.phase == .open, !self.isShuttingDown, let session = self.session else { return }
    self.isShuttingDown = true
    session.announceShutdown()
    session.ping(Self.shutdownPing)
    self.flushSoon()
    self.setTimer(.shutdown, after: Self.lingerTime) { [weak self] in self?.finishShutdown() }
  }

  static let shutdownPing: UInt64 = 0x676f_6177_6179

  func finishShutdown() {
    self.cancelTimer(.shutdown)
    self.hasSaidLast = true
    self.session?.goAway(.none)
    self.flushSoon()
  }

  /// Cuts every call.
  func abort(_ reason: String) {
    self.closeGently(CloseReason(reason))
  }

  func restartIdleTimer() {
    guard let time = self.limits.idleTimeout else { return }
    guard self.calls.isEmpty else { return self.cancelTimer(.idle) }
    self.setTimer(.idle, after: time.nanoseconds) { [weak self] in self?.beginShutdown() }
  }

  // MARK: Calls

  func accept(
    _ head: RequestHead, stream: Int32, ended: Bool
  ) throws(RequestHead.Refusal) {
    // Calls that were reset leave handlers that still unwind; a fast resetter must not pile them.
    guard self.handlers < 2 * self.limits.streamsPerConnection else {
      self.session?.reset(stream: stream, .refused)
      return
    }
    // Here and not when it answers: a call that was refused must not have been carried out.
    if let refusal = self.queued.refusal ?? self.account?.begin(now: Clock.monotonic()) {
      self.reportRefusal(of: head.descriptor.method, refusal)
      throw RequestHead.refusal(.resourceExhausted, refusal)
    }
    if self.owner.methods[head.path] == nil, let identity = self.identity {
      self.owner.report(
        .methodUnknown(peer: self.peer, identity: identity, method: head.path))
    }
    let call = ServerCall(head, id: stream, connection: self)
    self.calls[stream] = call
    self.handlers += 1
    call.inbound.push(.metadata(head.metadata))
    call.start(timeout: head.timeout, task: self.run(call, head.descriptor))
    if !ended { call.expectRequest() }
    self.restartIdleTimer()
  }

  private func run(_ call: ServerCall, _ descriptor: MethodDescriptor) -> Task<Void, Never> {
    let (handler, identity) = (self.owner.handler, self.identity)
    let (remote, local) = (self.peer.grpcPeer, self.localPeer)
    return Task(executorPreference: self.loop) {
      await withServerContextRPCCancellationHandle { handle in
        call.attach(handle)
        var context = ServerContext(
          descriptor: descriptor, remotePeer: remote, localPeer: local, cancellation: handle)
        context.transportSpecific = identity
        let stream = RPCStream(
          descriptor: descriptor, inbound: RPCAsyncSequence(wrapping: call.inbound),
          outbound: RPCWriter.Closable(wrapping: call))
        await handler(stream, context)
      }
      call.handlerReturned()
      self.handlerReturned()
    }
  }

  func handlerReturned() {
    self.handlers -= 1
    self.owner.connectionChanged(self)
  }
}
