import GRPCCore
import Linux

/// One call as the client sees it. Confined to a loop; the writer's methods may be called from
/// anywhere and go there first.
final class ClientCall: OutboundOwner, @unchecked Sendable {
  // @unchecked: state is touched on the loop only.

  private enum Phase: Hashable {
    /// No request was sent.
    case idle
    case open
    /// Nothing more is sent.
    case halfClosed
    case gone
  }

  let loop: EventLoop
  let outbound: OutboundQueue
  let inbound: InboundQueue<RPCResponsePart<[UInt8]>>
  private let path: String
  private let credit: StreamCredit
  private let state: ClientState
  /// Until the call's end.
  private var connection: ClientConnection?
  private var id: Int32 = 0
  private var headers = HeaderList()
  private var moves = 0
  private var deframer: MessageDeframer
  private let maximumMessage: Int
  private var phase = Phase.idle
  private var hasHeaders = false
  private var hasStatus = false
  private var deadline: Int64?
  private var timer: TimerQueue.Token?

  init(
    path: String, maximumMessage: Int?, maximumAnswer: Int?, connection: ClientConnection,
    state: ClientState
  ) {
    self.state = state
    let limit = connection.limits.messageSize
    let credit = StreamCredit(connection)
    self.loop = connection.loop
    self.connection = connection
    self.credit = credit
    self.path = path
    self.maximumMessage = maximumMessage ?? limit
    self.outbound = OutboundQueue(loop: connection.loop, canRestart: true)
    self.inbound = InboundQueue(loop: connection.loop) { credit.give($0) }
    self.deframer = MessageDeframer(maximumSize: maximumAnswer ?? limit)
  }

  // MARK: Ends

  /// The caller has finished with it: what is still open is cancelled.
  func close() {
    self.loop.preconditionOnLoop()
    self.cancel(RPCError(code: .cancelled, message: "the call has ended"))
    self.inbound.discard()
  }

  /// Ends the call from our side.
  func cancel(_ error: RPCError) {
    if self.phase == .open || self.phase == .halfClosed {
      self.connection?.session?.reset(stream: self.id, .cancel)
      self.connection?.flushSoon()
    }
    self.end(error, dropping: true)
  }

  /// Reader and writers end with `error`, unless the status came before.
  private func end(_ error: RPCError, dropping: Bool) {
    self.loop.cancel(self.timer)
    self.timer = nil
    self.phase = .gone
    self.outbound.fail(error)
    self.outbound.discard()
    self.inbound.fail(error, dropping: dropping)
    self.connection?.callEnded(self, stream: self.id)
    self.connection = nil
  }

  // MARK: From the connection

  /// The stream is gone without our doing: what has come is still read.
  func closed(_ error: RPCError) {
    guard self.phase != .gone else { return }
    self.end(error, dropping: false)
  }

  /// The server has not looked at the request, so that it may be sent again, as "transparent retries"
  /// of gRFC A6: a connection that ends in order fails no call.
  func refused(_ error: RPCError) {
    guard self.phase == .open || self.phase == .halfClosed else { return }
    guard !self.hasHeaders, self.moves < Self.mostMoves, self.outbound.restart() else {
      return self.closed(error)
    }
    self.moves += 1
    self.findConnection()
  }

  private static let mostMoves = 3

  /// In the turn that it opens in: one that was awaited may have ended, idle, before who waits goes on.
  private func findConnection() {
    self.connection = nil
    self.state.connection { [weak self] in self?.move(to: $0) }
  }

  private func move(to result: Result<ClientConnection, any Error>) {
    guard self.phase == .open || self.phase == .halfClosed else { return }
    do {
      try self.open(on: try result.get())
    } catch {
      self.closed(error as? RPCError ?? RPCError(code: .unavailable, message: "\(error)"))
    }
  }

  /// RST_STREAM, or the end of both sides.
  func closed(http2Error: UInt32) {
    if http2Error == HTTP2Error.refused.code {
      return self.refused(RPCError(code: .unavailable, message: "the server refused the call"))
    }
    let isLate = self.deadline.map { Clock.monotonic() >= $0 } ?? false
    let code = StatusMapping.code(http2Error: http2Error)
    // A server that keeps our deadline resets when it passes, maybe just before we notice.
    if code == .cancelled, isLate { return self.closed(Self.deadlineExceeded) }
    let text = HTTP2Error.text(http2Error)
    self.closed(RPCError(code: code, message: "the server reset the call (\(text))"))
  }

  func received(_ headers: HeaderList, tooLarge: Bool, endStream: Bool) {
    guard !tooLarge else {
      let error = RPCError(code: .resourceExhausted, message: "the answer's headers are too large")
      return self.cancel(error)
    }
    guard !self.hasHeaders else { return self.receivedTrailers(headers) }
    let httpStatus = Int(headers[":status"] ?? "") ?? 0
    if (100..<200).contains(httpStatus) { return }
    self.hasHeaders = true
    self.outbound.forgetWritten()
    if let error = Self.refusal(headers, httpStatus) { return self.cancel(error) }
    if endStream { return self.receivedTrailers(headers) }
    self.inbound.push(.metadata(HeaderCoding.metadata(headers)))
  }

  /// An answer that is not gRPC's.
  private static func refusal(_ headers: HeaderList, _ status: Int) -> RPCError? {
    if headers["grpc-status"] != nil { return nil }
    guard status == 200 else {
      return RPCError(
        code: StatusMapping.code(httpStatus: status), message: "the server answered HTTP \(status)")
    }
    if RequestHead.isGRPC(headers["content-type"]) { return nil }
    let type = headers["content-type"] ?? "none"
    return RPCError(
      code: .unknown, message: "the server answered with content-type '\(type)', not gRPC's")
  }

  private func receivedTrailers(_ headers: HeaderList) {
    var status = HeaderCoding.status(headers)
    if status.code == .ok, self.deframer.isMidMessage {
      status = Status(code: .internalError, message: "the answer ends inside of a message")
    }
    self.hasStatus = true
    self.inbound.push(.status(status, HeaderCoding.metadata(headers)))
    self.inbound.finish()
  }

  func received(_ bytes: UnsafeRawBufferPointer) {
    var failure: RPCError?
    do throws(RPCError) {
      try self.deframer.append(bytes) { self.inbound.push(.message($0)) }
    } catch {
      failure = error
    }
    self.inbound.account(bytes.count)
    if let failure { self.cancel(failure) }
  }

  func receivedEnd() {
    guard !self.hasStatus else { return }
    self.cancel(
      RPCError(code: .internalError, message: "the server ended the call without a status"))
  }

  func nextData(limit: Int) -> DataChunk { self.outbound.nextData(limit: limit) }

  // MARK: Writing, on the loop

  private func writeOnLoop(_ part: RPCRequestPart<[UInt8]>) async throws {
    self.loop.preconditionOnLoop()
    if let failure = self.outbound.failure { throw failure }
    switch part {
    case .metadata(let metadata): try self.send(metadata)
    case .message(let message):
      try self.send(message)
      if self.outbound.isFull { try await self.outbound.waitForRoom(self) }
    }
  }

  private func send(_ metadata: Metadata) throws(RPCError) {
    guard self.phase == .idle, let connection = self.connection else { throw self.isEnded }
    self.headers = try HeaderCoding.request(
      self.path, authority: connection.authority, metadata: metadata)
    // It may have ended since the call got it, as an idle one does at any time: another one serves as
    // well, unless this one was never usable.
    let hasEnded = !connection.canTakeCalls && connection.hasSettings
    if !hasEnded { try self.open(on: connection) }
    self.phase = .open
    self.setDeadline(metadata)
    if hasEnded { self.findConnection() }
  }

  private func open(on connection: ClientConnection) throws(RPCError) {
    self.id = try connection.open(self, self.headers)
    self.connection = connection
    self.credit.connection = connection
    self.credit.stream = self.id
  }

  private func send(_ message: [UInt8]) throws(RPCError) {
    guard self.phase == .open else { throw self.isEnded }
    guard message.count <= self.maximumMessage else {
      throw RPCError(
        code: .resourceExhausted,
        message: "request of \(message.count) bytes is larger than the limit of "
          + "\(self.maximumMessage)")
    }
    self.outbound.append(message)
    self.resume()
  }

  private func halfClose() {
    guard self.phase == .open else { return }
    self.phase = .halfClosed
    self.outbound.finish(.endStream)
    self.resume()
  }

  private func resume() {
    self.connection?.session?.resume(stream: self.id)
    self.connection?.flushSoon()
  }

  private func setDeadline(_ metadata: Metadata) {
    guard let text = metadata[stringValues: "grpc-timeout"].first(where: { _ in true }),
      let timeout = TimeoutCoding.decode(text)
    else { return }
    self.deadline = Clock.monotonic() + timeout
    self.timer = self.loop.schedule(after: timeout) { [weak self] in
      self?.cancel(Self.deadlineExceeded)
    }
  }

  private static let deadlineExceeded = RPCError(
    code: .deadlineExceeded, message: "the call's deadline has passed")

  private var isEnded: RPCError {
    RPCError(code: .internalError, message: "the call has ended: nothing more can be written")
  }
}

extension ClientCall: ClosableRPCWriterProtocol {
  typealias Element = RPCRequestPart<[UInt8]>

  func write(_ element: RPCRequestPart<[UInt8]>) async throws {
    if self.loop.isCurrent { return try await self.writeOnLoop(element) }
    try await withTaskExecutorPreference(self.loop) { try await self.writeOnLoop(element) }
  }

  func write(contentsOf elements: some Sequence<RPCRequestPart<[UInt8]>>) async throws {
    for element in elements { try await self.write(element) }
  }

  func finish() async {
    self.loop.executeNow { self.halfClose() }
  }

  /// The request's producer failed: the call cannot go on.
  func finish(throwing error: any Error) async {
    let reason =
      error as? RPCError
      ?? RPCError(code: .cancelled, message: "the request could not be produced", cause: error)
    self.loop.executeNow { self.cancel(reason) }
  }
}
