import GRPCCore

/// A call's request on its way in: its bytes become messages for the handler. Confined to a loop.
///
/// A method that takes one message gets it with the end of the request. Until then the message counts
/// as one that is not complete, and the time for the request runs on: a client that sends all of a
/// message and never ends would otherwise leave it with a handler that waits, counted by nobody.
/// Where messages stream, each goes to the handler as soon as it is whole.
final class RequestBody {
  let messages: InboundQueue<RPCRequestPart<[UInt8]>>
  private let takesOneMessage: Bool
  private weak var connection: ServerConnection?
  private var deframer: MessageDeframer
  /// The only message, until the request ends.
  private var message: [UInt8]?
  /// Bytes of all this that the handler has not got, as connection and account count them.
  private var held = 0
  /// Nobody looks at the request any more.
  private var isDeaf = false
  private var watch: RequestWatch

  init(_ head: RequestHead, stream: Int32, of connection: ServerConnection) {
    let limits = connection.limits
    self.connection = connection
    self.takesOneMessage = head.descriptor.type?.isRequestStreaming == false
    self.messages = InboundQueue(
      loop: connection.loop, waiting: { [weak connection] in connection?.messagesWaiting($0) },
      credit: { [weak connection] in connection?.consumed(stream: stream, $0) })
    self.deframer = MessageDeframer(
      maximumSize: min(limits.messageSize, limits.requestSizes[head.path] ?? .max))
    self.watch = RequestWatch(loop: connection.loop, time: limits.requestTimeout)
  }

  /// Whether its rest is due and no time is set for it.
  var isUnwatched: Bool { self.deframer.isMidMessage && !self.watch.isRunning }

  /// Sets the time for it; `late` is called with the reason when it has passed.
  func expect(late: @escaping (RPCError) -> Void) {
    guard let time = self.watch.time else { return }
    self.watch.start {
      let reason = "the request did not come whole within \(time)"
      late(RPCError(code: .deadlineExceeded, message: reason))
    }
  }

  func received(_ bytes: UnsafeRawBufferPointer) throws(RPCError) {
    defer { self.messages.account(bytes.count) }
    if self.isDeaf { return }
    var (count, isTooMuch) = (0, false)
    try self.deframer.append(bytes) { message in
      count += 1
      self.connection?.session?.completed()
      if !self.takesOneMessage { return self.messages.push(.message(message)) }
      isTooMuch = isTooMuch || self.message != nil
      self.message = message
    }
    guard !isTooMuch else {
      throw RPCError(
        code: .unimplemented, message: "the method takes one message, and more have come")
    }
    if count > 0, !self.takesOneMessage { self.watch.stop() }
    guard let refusal = self.hold(self.deframer.heldCount + (self.message?.count ?? 0)) else {
      return
    }
    throw RPCError(code: .resourceExhausted, message: refusal)
  }

  /// Their bytes are given back to the window as they come (else a message larger than it could
  /// never complete), so that only this count bounds them. Why they are too many, if so.
  private func hold(_ count: Int) -> String? {
    let change = count - self.held
    self.held = count
    return change == 0 ? nil : self.connection?.hold(change)
  }

  func receivedEnd() throws(RPCError) {
    self.watch.stop()
    guard !self.deframer.isMidMessage else {
      throw RPCError(code: .internalError, message: "the request ends inside of a message")
    }
    if let message = self.message { self.messages.push(.message(message)) }
    self.message = nil
    _ = self.hold(0)  // fewer are never too many
    self.messages.finish()
  }

  func becomeDeaf() {
    self.isDeaf = true
    self.watch.stop()
    self.deframer.drop()
    self.message = nil
    _ = self.hold(0)  // fewer are never too many
  }
}
