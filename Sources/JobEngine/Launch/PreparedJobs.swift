import Linux

/// The one job that is kept ready.
final class PreparedJobs: Sendable {
  private struct State: Sendable {
    var waiting: PreparedJob?
    var isFilling = false
    /// What is being made was begun before the host's mounts changed.
    var isStale = false
    var isWatched = false
    var isClosed = false
    /// When the last start ended, in nanoseconds on the boot clock.
    var startEndTime: Int64 = 0
  }

  /// Nanoseconds from a start to the work for the next one: as long as a short job and its answer take, as
  /// there is not always a processor for both.
  static let pause: Int64 = 3_000_000
  /// Starts that are closer than this need the next job more than they need the processor.
  private static let hurry: Int64 = 10_000_000

  private let state = Lock(State())
  private let closing: EventDescriptor

  init() throws(SystemError) {
    self.closing = try EventDescriptor()
  }

  /// The caller's from here on; nil when there is none.
  func take() -> PreparedJob? {
    self.state.withLock { $0.waiting.take() }
  }

  /// The one that is there, which stays.
  func peek() -> PreparedJob? {
    self.state.withLock { $0.waiting }
  }

  /// A start has ended: answers whether it was close to the one before.
  func startEnded(at time: Int64) -> Bool {
    self.state.withLock { state in
      defer { state.startEndTime = time }
      return time - state.startEndTime < Self.hurry
    }
  }

  /// Gives up when the descriptor is signalled.
  typealias Maker = (_ closing: borrowing EventDescriptor) throws(WorkerError) -> PreparedJob

  /// Makes one unless there is one. Blocks.
  func fill(in directory: StateDirectory, _ make: Maker) {
    let isWanted = self.state.withLock { state in
      guard !state.isClosed, !state.isFilling, state.waiting == nil else { return false }
      state.isFilling = true
      state.isStale = false
      return true
    }
    guard isWanted else { return }
    let made = try? make(self.closing)  // the next start says what is wrong, if it concerns it
    let unwanted = self.state.withLock { state -> PreparedJob? in
      state.isFilling = false
      if state.isClosed || state.isStale { return made }
      state.waiting = made
      return nil
    }
    unwanted?.discard(in: directory)
  }

  /// True when nobody watches the host's mounts: the caller does from here on.
  func beginWatch() -> Bool {
    self.state.withLock { state in
      defer { state.isWatched = true }
      return !state.isWatched
    }
  }

  /// Removes what is there, as it would hold on to a file system that the host lets go of. The next start
  /// makes another one, and begins a watch: a host that mounts all day costs nothing. Blocks.
  func hostChanged(in directory: StateDirectory) {
    let waiting = self.state.withLock { state -> PreparedJob? in
      state.isWatched = false
      state.isStale = true
      return state.waiting.take()
    }
    waiting?.discard(in: directory)
  }

  /// Removes it, and sees to it that none is made any more. Blocks.
  func close(in directory: StateDirectory) {
    let waiting = self.state.withLock { state -> PreparedJob? in
      state.isClosed = true
      return state.waiting.take()
    }
    self.closing.signal()
    waiting?.discard(in: directory)
  }
}
