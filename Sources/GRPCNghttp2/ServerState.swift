import Linux

/// What the loops of one server share, behind a lock.
final class ServerState: Sendable {
  fileprivate struct State {
    var context: TLSContext
    var connections = 0
    var acceptors = 0
    var isShuttingDown = false
    /// Resumed when the server shuts down and the last connection and acceptor have gone.
    var waiter: CheckedContinuation<Void, Never>?
  }

  let onEvent: @Sendable (TransportEvent) -> Void
  private let limit: Int
  private let state: Lock<State>

  init(
    context: TLSContext, limit: Int, onEvent: @escaping @Sendable (TransportEvent) -> Void
  ) {
    self.limit = limit
    self.onEvent = onEvent
    self.state = Lock(State(context: context))
  }

  var context: TLSContext { self.state.withLock { $0.context } }
  var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

  func replace(_ context: TLSContext) { self.state.withLock { $0.context = context } }

  /// Whether one more connection may be taken; if so it counts.
  func admit() -> Bool {
    self.state.withLock { state in
      guard state.connections < self.limit, !state.isShuttingDown else { return false }
      state.connections += 1
      return true
    }
  }

  func connectionGone() {
    let waiter = self.state.withLock { state in
      state.connections -= 1
      return state.takeWaiterIfDone()
    }
    waiter?.resume()
  }

  func addAcceptors(_ count: Int) { self.state.withLock { $0.acceptors += count } }

  func acceptorGone() {
    let waiter = self.state.withLock { state in
      state.acceptors -= 1
      return state.takeWaiterIfDone()
    }
    waiter?.resume()
  }

  /// Whether this is the first call.
  func beginShutdown() -> Bool {
    let (isFirst, waiter) = self.state.withLock { state in
      let isFirst = !state.isShuttingDown
      state.isShuttingDown = true
      return (isFirst, state.takeWaiterIfDone())
    }
    waiter?.resume()
    return isFirst
  }

  func waitUntilGone() async {
    await withCheckedContinuation { continuation in
      let waiter = self.state.withLock { state in
        state.waiter = continuation
        return state.takeWaiterIfDone()
      }
      waiter?.resume()
    }
  }
}

extension ServerState.State {
  fileprivate mutating func takeWaiterIfDone() -> CheckedContinuation<Void, Never>? {
    guard self.isShuttingDown, self.connections == 0, self.acceptors == 0 else { return nil }
    defer { self.waiter = nil }
    return self.waiter
  }
}
