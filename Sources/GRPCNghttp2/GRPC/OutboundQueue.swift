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

  private let loop: EventLoop
  private var framer = MessageFramer()
  /// Bytes that a DATA frame was promised and that are not taken yet.
  private var promised = 0
  private var waiters: [Waiter] = []
  private var ticket: UInt64 = 0
  private(set) var end: DataEnd = .open
  private(set) var failure: RPCError?

  init(loop: EventLoop) { self.loop = loop }

  var isEmpty: Bool { self.framer.count == 0 }
  var isFull: Bool { self.framer.count > Self.highWaterMark }
  /// Whether a part of a message went out and the rest has not.
  var isMidMessage: Bool { self.framer.isMidMessage || self.promised > 0 }

  func append(_ message: [UInt8]) { self.framer.append(message) }

  /// Nothing follows what is queued.
  func finish(_ end: DataEnd) { self.end = end }

  /// Forgets the messages of which nothing was sent.
  func dropUnsent() {
    if self.promised == 0 { self.framer.dropWhole() }
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
    self.framer.take(count, into: buffer)
    self.promised = 0
    guard !self.waiters.isEmpty, self.framer.count <= Self.highWaterMark / 2 else { return }
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

/// Has an `OutboundQueue` and may be named from any thread.
protocol OutboundOwner: AnyObject, Sendable {
  var loop: EventLoop { get }
  var outbound: OutboundQueue { get }
}
