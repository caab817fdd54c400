import GRPCCore

/// Messages that a call has written and the connection has not taken yet. Confined to a loop.
///
/// Backpressure: a writer waits while more than `highWaterMark` bytes are queued.
final class OutboundQueue {
  /// Measured: less costs throughput, more gives none.
  static let highWaterMark = 256 << 10

  private struct Waiter {
    let ticket: UInt64
    let continuation: CheckedContinuation<Void, any Error>
  }

  /// Small requests, which most are, can be sent again whole.
  private static let replayLimit = 256 << 10

  private let loop: EventLoop
  private let total: QueuedBytes
  private var framer = MessageFramer()
  /// How many of the bytes in `total` are ours.
  private var counted = 0
  /// Bytes that a DATA frame was promised and that are not taken yet.
  private var promised = 0
  private var waiters: [Waiter] = []
  private var ticket: UInt64 = 0
  private(set) var end: DataEnd = .open
  private(set) var failure: RPCError?
  private var hasSent = false
  /// All that was written, until an answer shows that it has arrived; nil: too much, or not kept.
  private var written: [[UInt8]]?
  private var writtenSize = 0

  /// `total`: of the connection. `canRestart`: keeps what is small to send it again.
  init(loop: EventLoop, total: QueuedBytes = QueuedBytes(), canRestart: Bool = false) {
    self.loop = loop
    self.total = total
    self.written = canRestart ? [] : nil
  }

  var isEmpty: Bool { self.framer.count == 0 }
  var isFull: Bool { self.framer.count > self.mark }
  /// One message where the calls have much together, so that a peer that reads none of very many
  /// does not hold the mark times their number.
  private var mark: Int { self.total.isCrowded ? 0 : Self.highWaterMark }
  /// Whether a part of a message went out and the rest has not.
  var isMidMessage: Bool { self.framer.isMidMessage || self.promised > 0 }

  func append(_ message: [UInt8]) {
    self.framer.append(message)
    self.count()
    guard self.written != nil else { return }
    self.writtenSize += message.count
    self.written?.append(message)
    if self.writtenSize > Self.replayLimit { self.written = nil }
  }

  private func count() {
    guard self.framer.count != self.counted else { return }
    self.total.add(self.framer.count - self.counted)
    self.counted = self.framer.count
  }

  /// Begins from the first byte again, for another stream; whether that is possible.
  func restart() -> Bool {
    self.promised = 0
    guard self.hasSent else { return true }
    guard let written = self.written else { return false }
    self.hasSent = false
    self.framer = MessageFramer()
    for message in written { self.framer.append(message) }
    self.count()
    return true
  }

  /// An answer has come.
  func forgetWritten() { self.written = nil }

  /// Nothing follows what is queued.
  func finish(_ end: DataEnd) { self.end = end }

  /// Forgets the messages of which nothing was sent.
  func dropUnsent() {
    guard self.promised == 0 else { return }
    self.framer.dropWhole()
    self.count()
  }

  /// The stream is gone, and with it all that is queued.
  func discard() {
    self.framer = MessageFramer()
    self.written = nil
    self.count()
  }

  /// Every write from now on throws `error`.
  func fail(_ error: RPCError) {
    guard self.failure == nil else { return }
    self.failure = error
    for waiter in self.waiters { waiter.continuation.resume(throwing: error) }
    self.waiters = []
  }

  // MARK: The connection's side

  func nextData(limit: Int) -> DataChunk {
    let count = min(limit, self.framer.count)
    let isLast = count == self.framer.count
    if isLast, self.end == .open, count == 0 { return .later }
    self.promised = count
    return .bytes(count, end: isLast ? self.end : .open)
  }

  func take(_ count: Int, into buffer: OutputBuffer) {
    self.hasSent = true
    self.framer.take(count, into: buffer)
    self.count()
    self.promised = 0
    guard !self.waiters.isEmpty, self.framer.count <= self.mark / 2 else { return }
    for waiter in self.waiters { waiter.continuation.resume() }
    self.waiters = []
  }

  // MARK: The writer's side

  /// Waits until half of the mark is free again. On the loop.
  func waitForRoom(_ owner: some OutboundOwner) async throws {
    self.loop.preconditionOnLoop()
    if let failure = self.failure { throw failure }
    self.ticket += 1
    let ticket = self.ticket
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        self.waiters.append(Waiter(ticket: ticket, continuation: $0))
      }
    } onCancel: {
      owner.loop.execute { owner.outbound.cancelWaiter(ticket) }
    }
  }

  fileprivate func cancelWaiter(_ ticket: UInt64) {
    guard let index = self.waiters.firstIndex(where: { $0.ticket == ticket }) else { return }
    self.waiters.remove(at: index).continuation.resume(
      throwing: RPCError(code: .cancelled, message: "the call was cancelled"))
  }
}

/// How much the calls of one connection have queued. Confined to its loop.
final class QueuedBytes {
  private static let crowd = 16 << 20

  private(set) var count = 0
  /// Of a server's client: counts them with those of its other connections.
  var account: ClientAccount?

  func add(_ change: Int) {
    self.count += change
    self.account?.queue(change)
  }

  /// Whether each call should queue little.
  var isCrowded: Bool { self.count > Self.crowd || self.account?.isCrowded == true }

  /// Nil when a call may queue more; or why not, for the client.
  var refusal: String? { self.account?.answerRefusal }
}

/// Has an `OutboundQueue` and may be named from any thread.
protocol OutboundOwner: AnyObject, Sendable {
  var loop: EventLoop { get }
  var outbound: OutboundQueue { get }
}
