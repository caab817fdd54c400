import Linux

/// Writes a job's output on a thread of its own, so that a reader that waits, as `less` does, holds
/// up neither the connection's keepalive nor Ctrl-C.
///
/// DESIGN: what is to be written waits in a queue of bounded size, so that the network goes on while
/// the thread writes; a full queue makes the caller wait, and through flow control the server. There
/// is one caller at a time. `finish` returns when all is written; before it nobody may exit.
final class OutputWriter: Sendable {
  private struct Piece: Sendable {
    var stream: StandardStream
    var bytes: [UInt8]
  }

  private struct State: Sendable {
    var pieces: [Piece] = []
    var size = 0
    var isWriting = false
    var failure: Failure?
    /// The caller waits until at most `waitsFor` bytes are left.
    var waiter: CheckedContinuation<Void, Never>?
    var waitsFor = 0

    /// The waiter, if what it waits for has come.
    mutating func readyWaiter() -> CheckedContinuation<Void, Never>? {
      guard self.failure != nil || self.size <= self.waitsFor else { return nil }
      return self.waiter.take()
    }
  }

  private static let limit = 1 << 20

  /// Nil until there is something to write: many jobs write nothing, and their client then is done sooner.
  private let thread = Lock<BlockingThreads?>(nil)
  private let state = Lock(State())
  private let makeThread: @Sendable () throws(SystemError) -> BlockingThreads

  /// `makeThread`: of one thread, which writes.
  init(
    makeThread: @escaping @Sendable () throws(SystemError) -> BlockingThreads = {
      () throws(SystemError) in try BlockingThreads(trying: "output", count: 1)
    }
  ) {
    self.makeThread = makeThread
  }

  /// Takes the bytes over; throws when these or earlier ones could not be written.
  func write(_ bytes: [UInt8], to stream: StandardStream) async throws(Failure) {
    guard !bytes.isEmpty else { return }
    let thread = try self.writer()  // first: nothing must wait for a thread that cannot be had
    let mustStart = self.state.withLock { state in
      state.pieces.append(Piece(stream: stream, bytes: bytes))
      state.size += bytes.count
      defer { state.isWriting = true }
      return !state.isWriting
    }
    if mustStart { thread.perform { self.writeAll() } }
    try await self.wait(until: Self.limit)
  }

  private func writer() throws(Failure) -> BlockingThreads {
    if let thread = self.thread.withLock({ $0 }) { return thread }
    let thread: BlockingThreads
    do throws(SystemError) { thread = try self.makeThread() } catch {
      throw Failure("cannot write the output: no thread can be started: \(error.reason)")
    }
    self.thread.withLock { $0 = thread }  // nobody else does: there is one caller at a time
    return thread
  }

  /// Returns when everything is written.
  func finish() async throws(Failure) {
    try await self.wait(until: 0)
  }

  private func wait(until size: Int) async throws(Failure) {
    await withCheckedContinuation { continuation in
      let ready = self.state.withLock { state in
        state.waiter = continuation
        state.waitsFor = size
        return state.readyWaiter()
      }
      ready?.resume()
    }
    if let failure = self.state.withLock({ $0.failure }) { throw failure }
  }

  /// On the thread: until nothing is left.
  private func writeAll() {
    while let pieces = self.take() {
      do throws(Failure) {
        for piece in pieces { try piece.stream.write(piece.bytes) }
        self.written(pieces.reduce(0) { $0 + $1.bytes.count }, failure: nil)
      } catch {
        self.written(0, failure: error)
      }
    }
  }

  private func take() -> [Piece]? {
    self.state.withLock { state in
      if state.failure != nil { state.pieces = [] }
      guard !state.pieces.isEmpty else {
        state.isWriting = false
        return nil
      }
      defer { state.pieces = [] }
      return state.pieces
    }
  }

  private func written(_ count: Int, failure: Failure?) {
    let ready = self.state.withLock { state in
      state.size -= count
      state.failure = state.failure ?? failure
      return state.readyWaiter()
    }
    ready?.resume()
  }
}
