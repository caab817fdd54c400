import GRPCCore

/// Parts that have arrived on a stream and wait for its reader. Confined to a loop.
///
/// Flow control: each part carries the bytes that are given back to the sender's window when it
/// is read. Bytes that arrive while nothing waits to be read (the beginning of a message) are
/// given back at once: else a message larger than the window could never complete.
final class InboundQueue<Part: Sendable>: @unchecked Sendable {
  // @unchecked: state is touched on the loop only; `next` goes there first.

  private struct Entry {
    let part: Part
    var bytes = 0
  }

  private struct Waiter {
    let ticket: UInt64
    let continuation: CheckedContinuation<Part?, any Error>
  }

  private let loop: EventLoop
  /// Gives bytes back to the window.
  private let credit: (Int) -> Void
  /// Told how many more (or fewer) parts wait.
  private let waiting: (Int) -> Void
  private var entries: [Entry] = []
  private var first = 0
  private var end: Result<Void, RPCError>?
  private var waiter: Waiter?
  private var ticket: UInt64 = 0
  private var isDiscarding = false

  init(
    loop: EventLoop, waiting: @escaping (Int) -> Void = { _ in }, credit: @escaping (Int) -> Void
  ) {
    self.loop = loop
    self.waiting = waiting
    self.credit = credit
  }

  // MARK: The stream's side

  func push(_ part: Part) {
    self.loop.preconditionOnLoop()
    guard self.end == nil, !self.isDiscarding else { return }
    if let waiter = self.waiter {
      self.waiter = nil
      waiter.continuation.resume(returning: part)
    } else {
      self.entries.append(Entry(part: part))
      self.waiting(1)
    }
  }

  /// `count` bytes have arrived, whose messages were pushed before this call.
  func account(_ count: Int) {
    if self.first < self.entries.count {
      self.entries[self.entries.count - 1].bytes += count
    } else {
      self.credit(count)
    }
  }

  /// The end: what waits is still read. The first end counts.
  func finish() { self.finish(.success(())) }

  /// The end, after what waits; unless that is of no use any more.
  func fail(_ error: RPCError, dropping: Bool) {
    guard self.end == nil else { return }
    if dropping { self.drop() }
    self.finish(.failure(error))
  }

  /// Nobody reads any more: everything is given back as it comes.
  func discard() {
    self.isDiscarding = true
    self.drop()
  }

  private func finish(_ end: Result<Void, RPCError>) {
    self.loop.preconditionOnLoop()
    guard self.end == nil else { return }
    self.end = end
    guard let waiter = self.waiter else { return }
    self.waiter = nil
    switch end {
    case .success: waiter.continuation.resume(returning: nil)
    case .failure(let error): waiter.continuation.resume(throwing: error)
    }
  }

  private func drop() {
    var bytes = 0
    let left = self.entries[self.first...]
    for entry in left { bytes += entry.bytes }
    let count = left.count
    self.entries = []
    self.first = 0
    if count > 0 { self.waiting(-count) }
    if bytes > 0 { self.credit(bytes) }
  }

  // MARK: The reader's side

  func next() async throws -> Part? {
    if self.loop.isCurrent { return try await self.nextOnLoop() }
    return try await withTaskExecutorPreference(self.loop) { try await self.nextOnLoop() }
  }

  private func nextOnLoop() async throws -> Part? {
    self.loop.preconditionOnLoop()
    if self.first < self.entries.count { return self.pop() }
    if let end = self.end {
      try end.get()
      return nil
    }
    if self.waiter != nil {
      throw RPCError(code: .internalError, message: "a call's messages have two readers")
    }
    self.ticket += 1
    let ticket = self.ticket
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        self.waiter = Waiter(ticket: ticket, continuation: $0)
      }
    } onCancel: {
      // On the loop: this runs after the waiter was stored, whoever cancels and when.
      self.loop.execute { self.cancelWaiter(ticket) }
    }
  }

  private func pop() -> Part {
    let entry = self.entries[self.first]
    self.first += 1
    if self.first == self.entries.count {
      self.entries.removeAll(keepingCapacity: true)
      self.first = 0
    } else if self.first >= 256 {
      self.entries.removeFirst(self.first)
      self.first = 0
    }
    self.waiting(-1)
    if entry.bytes > 0 { self.credit(entry.bytes) }
    return entry.part
  }

  private func cancelWaiter(_ ticket: UInt64) {
    guard let waiter = self.waiter, waiter.ticket == ticket else { return }
    self.waiter = nil
    waiter.continuation.resume(
      throwing: RPCError(code: .cancelled, message: "the call was cancelled"))
  }
}

extension InboundQueue: AsyncSequence {
  struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let queue: InboundQueue<Part>

    mutating func next() async throws -> Part? { try await self.queue.next() }

    mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(any Error) -> Part? { try await self.queue.next() }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: self) }
}
