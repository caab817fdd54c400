import GRPCCore
import Linux

/// One call as the server sees it: a stream, its handler's task, its deadline. Confined to a loop;
/// the writer's methods may be called from anywhere and go there first.
final class ServerCall: OutboundOwner, @unchecked Sendable {
  // @unchecked: state is touched on the loop only.

  private enum Phase: Hashable { case waiting, headersSent, statusSent, gone }

  let loop: EventLoop
  let id: Int32
  let outbound: OutboundQueue
  private let request: RequestBody
  private let method: String
  private let maximumMessage: Int
  /// Nil when the stream is gone.
  private weak var connection: ServerConnection?
  /// Counts this call until stream and handler are gone.
  private let account: ClientAccount?
  private var hasReturned = false
  private var hasAnswered = false
  private var phase = Phase.waiting
  private var trailers = HeaderList()
  private var deadline: Int64?
  private var timer: TimerQueue.Token?
  private var task: Task<Void, Never>?
  private var cancellation: ServerContext.RPCCancellationHandle?
  private var isCancelled = false

  init(_ head: RequestHead, id: Int32, connection: ServerConnection) {
    self.loop = connection.loop
    self.id = id
    self.method = head.descriptor.method
    self.connection = connection
    self.account = connection.account
    self.maximumMessage = connection.limits.messageSize
    self.outbound = OutboundQueue(loop: connection.loop, total: connection.queued)
    self.request = RequestBody(head, stream: id, of: connection)
  }

  var inbound: InboundQueue<RPCRequestPart<[UInt8]>> { self.request.messages }

  // MARK: Start and end

  func start(timeout: Int64?, task: Task<Void, Never>) {
    self.task = task
    guard let timeout else { return }
    self.deadline = Clock.monotonic() + timeout
    self.setTimer(after: timeout)
  }

  private func setTimer(after time: Int64) {
    self.loop.cancel(self.timer)
    self.timer = self.loop.schedule(after: time) { self.deadlinePassed() }
  }

  /// From the handler's task, before the handler.
  func attach(_ handle: ServerContext.RPCCancellationHandle) {
    self.cancellation = handle
    if self.isCancelled { handle.cancel() }
  }

  func handlerReturned() {
    // A task that the handler left behind may still wait for the request.
    self.inbound.fail(
      RPCError(code: .cancelled, message: "the call's handler has returned"), dropping: true)
    self.inbound.discard()
    self.request.becomeDeaf()
    if self.phase == .waiting || self.phase == .headersSent { self.reset(.internalError) }
    self.task = nil
    self.cancellation = nil
    self.hasReturned = true
    if self.phase == .gone { self.account?.end() }
  }

  private func deadlinePassed() {
    let error = RPCError(code: .deadlineExceeded, message: "the call's deadline has passed")
    guard self.phase == .waiting || self.phase == .headersSent else {
      // A status that the client's window does not let out would keep the stream for ever.
      if self.phase == .statusSent { self.reset(.cancel) }
      return
    }
    let status = Status(code: .deadlineExceeded, message: error.message)
    self.outbound.dropUnsent()
    if self.outbound.isMidMessage {
      self.reset(.cancel)  // the client, whose deadline it is, knows the rest
    } else {
      self.send(status, [:])
      self.setTimer(after: Self.lastWordTime)
    }
    self.cancel(error)
  }

  /// For a status to get out when the deadline has passed.
  private static let lastWordTime: Int64 = 1_000_000_000

  /// Ends handler, reader and writers; each one that is forgotten would hang.
  func cancel(_ error: RPCError) {
    self.isCancelled = true
    self.request.becomeDeaf()
    self.inbound.fail(error, dropping: true)
    self.outbound.fail(error)
    self.cancellation?.cancel()
    self.task?.cancel()
  }

  /// The stream is gone, by whatever way.
  func closed(_ error: RPCError) {
    let wasDone = self.phase == .statusSent
    self.phase = .gone
    self.loop.cancel(self.timer)
    self.timer = nil
    self.request.becomeDeaf()
    self.outbound.discard()
    if wasDone {
      self.outbound.fail(error)
      self.inbound.fail(error, dropping: false)
    } else {
      self.cancel(error)
    }
    self.connection = nil
    // Not before: answers that their client does not read cost as much as a handler that runs.
    if self.hasReturned { self.account?.end() }
  }

  private func reset(_ error: HTTP2Error) {
    self.phase = .statusSent
    self.connection?.session?.reset(stream: self.id, error)
    self.connection?.flushSoon()
  }

  // MARK: From the connection

  func received(_ bytes: UnsafeRawBufferPointer) {
    do throws(RPCError) {
      try self.request.received(bytes)
      if self.request.isUnwatched { self.expectRequest() }
    } catch {
      self.refuse(error)
    }
  }

  /// The first message is awaited as soon as the call began, which no method of ours delays.
  func expectRequest() {
    self.request.expect { [weak self] in self?.refuse($0) }
  }

  func receivedEnd() {
    do throws(RPCError) { try self.request.receivedEnd() } catch { self.refuse(error) }
  }

  private func refuse(_ error: RPCError) {
    self.inbound.discard()
    self.request.becomeDeaf()
    if self.phase == .waiting || self.phase == .headersSent {
      self.outbound.dropUnsent()
      self.send(Status(code: Status.Code(error.code), message: error.message), error.metadata)
    }
    self.cancel(error)
  }

  /// Called from inside nghttp2.
  func nextData(limit: Int) -> DataChunk {
    let chunk = self.outbound.nextData(limit: limit)
    if case .bytes(_, .trailers) = chunk {
      self.connection?.session?.submitTrailers(self.trailers, stream: self.id)
    }
    return chunk
  }

  // MARK: Writing, on the loop

  private func writeOnLoop(_ part: RPCResponsePart<[UInt8]>) async throws {
    self.loop.preconditionOnLoop()
    if let failure = self.outbound.failure { throw failure }
    switch part {
    case .metadata(let metadata): try self.send(metadata)
    case .message(let message):
      try self.send(message)
      if self.outbound.isFull { try await self.outbound.waitForRoom(self) }
    case .status(let status, let metadata): self.finish(status, metadata)
    }
  }

  private func send(_ metadata: Metadata) throws(RPCError) {
    guard self.phase == .waiting, let connection = self.connection else { throw self.isEnded }
    let headers = try HeaderCoding.response(metadata)
    do throws(SessionError) {
      try connection.session?.submitResponse(headers, stream: self.id, body: true)
    } catch {
      throw RPCError(code: .internalError, message: error.description)
    }
    self.phase = .headersSent
    connection.flushSoon()
  }

  private func send(_ message: [UInt8]) throws(RPCError) {
    if self.phase == .waiting { try self.send([:]) }
    guard self.phase == .headersSent else { throw self.isEnded }
    // The first says what the call has done, and may be all that is ever said of it.
    if self.hasAnswered { try self.connection?.checkAnswers(of: self.method) }
    self.hasAnswered = true
    guard message.count <= self.maximumMessage else {
      throw RPCError(
        code: .resourceExhausted,
        message: "answer of \(message.count) bytes is larger than the limit of "
          + "\(self.maximumMessage)")
    }
    self.outbound.append(message)
    self.resume()
  }

  /// A deadline that has passed wins, even if its timer comes later than the handler's OK.
  private func finish(_ status: Status, _ metadata: Metadata) {
    if let deadline = self.deadline, Clock.monotonic() >= deadline { return self.deadlinePassed() }
    self.send(status, metadata)
  }

  private func send(_ status: Status, _ metadata: Metadata) {
    guard self.phase == .waiting || self.phase == .headersSent else { return }
    let only = self.phase == .waiting
    let headers = HeaderCoding.trailers(status, metadata, only: only)
    self.phase = .statusSent
    guard only else {
      self.trailers = headers
      self.outbound.finish(.trailers)
      return self.resume()
    }
    try? self.connection?.session?.submitResponse(headers, stream: self.id, body: false)
    self.connection?.flushSoon()
  }

  private func resume() {
    self.connection?.session?.resume(stream: self.id)
    self.connection?.flushSoon()
  }

  private func end() {
    if self.phase == .waiting || self.phase == .headersSent { self.reset(.internalError) }
  }

  private var isEnded: RPCError {
    RPCError(code: .internalError, message: "the call has ended: nothing more can be written")
  }
}

extension ServerCall: ClosableRPCWriterProtocol {
  typealias Element = RPCResponsePart<[UInt8]>

  func write(_ element: RPCResponsePart<[UInt8]>) async throws {
    if self.loop.isCurrent { return try await self.writeOnLoop(element) }
    try await withTaskExecutorPreference(self.loop) { try await self.writeOnLoop(element) }
  }

  func write(contentsOf elements: some Sequence<RPCResponsePart<[UInt8]>>) async throws {
    for element in elements { try await self.write(element) }
  }

  func finish() async {
    self.loop.executeNow { self.end() }
  }

  func finish(throwing error: any Error) async {
    self.loop.executeNow { self.end() }
  }
}
