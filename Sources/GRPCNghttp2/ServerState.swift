import Linux

/// How many connections a server takes.
struct ServerCapacity: Hashable {
  /// Of clients that have shown who they are.
  let open: Int
  let handshakes: Int

  /// The rest of the descriptors is for the jobs and files of the same process, which strangers must
  /// not be able to stop.
  init(_ limits: TransportLimits, descriptors: Int) {
    let sockets = max(4, descriptors / 4 * 3)
    self.handshakes = max(1, min(limits.handshakes, sockets / 4))
    self.open = max(1, min(limits.connections, sockets - self.handshakes))
  }

  /// With those that are being closed.
  var sockets: Int { self.open + self.handshakes }
}

/// What the loops of one server share, behind a lock.
final class ServerState: Sendable {
  fileprivate struct State {
    var context: TLSContext
    /// Connections of which something is left: the socket's sending side, or a handler.
    var connections = 0
    /// Those of them whose client has shown who it is.
    var open = 0
    var sockets = 0
    var acceptors = 0
    var isShuttingDown = false
    var addresses: AddressLedger
    var accounts: AccountTable
    /// Resumed when the server shuts down and the last connection and acceptor have gone.
    var waiter: CheckedContinuation<Void, Never>?
  }

  let onEvent: @Sendable (TransportEvent) -> Void
  let capacity: ServerCapacity
  private let state: Lock<State>

  init(
    context: TLSContext, capacity: ServerCapacity, limits: TransportLimits,
    onEvent: @escaping @Sendable (TransportEvent) -> Void
  ) {
    self.capacity = capacity
    self.onEvent = onEvent
    self.state = Lock(
      State(
        context: context, addresses: AddressLedger(limits), accounts: AccountTable(limits)))
  }

  var context: TLSContext { self.state.withLock { $0.context } }
  var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

  func replace(_ context: TLSContext) { self.state.withLock { $0.context = context } }

  /// Nil when a connection of `peer` may be taken, which counts then; or why not.
  func admit(_ peer: IPEndpoint, now: Int64) -> String? {
    let key = AddressKey(peer)
    return self.state.withLock { state in
      guard !state.isShuttingDown else { return "the server is shutting down" }
      // First those who are many: they must not fill the limit of all.
      if let refusal = state.addresses.admit(key, now: now) { return refusal }
      guard state.sockets < self.capacity.sockets else {
        state.addresses.leave(key, now: now)
        return "the limit of open connections is reached"
      }
      state.sockets += 1
      state.connections += 1
      return nil
    }
  }

  /// Whether a client that has shown who it is may stay; if so it counts.
  func admitOpen() -> Bool {
    self.state.withLock { state in
      guard state.open < self.capacity.open else { return false }
      state.open += 1
      return true
    }
  }

  func account(_ identity: PeerIdentity, now: Int64) -> ClientAccount {
    self.state.withLock { $0.accounts.account(identity, now: now) }
  }

  func socketClosed(_ peer: IPEndpoint, now: Int64) {
    let key = AddressKey(peer)
    self.state.withLock { state in
      state.sockets -= 1
      state.addresses.leave(key, now: now)
    }
  }

  func connectionGone(wasOpen: Bool) {
    let waiter = self.state.withLock { state in
      state.connections -= 1
      if wasOpen { state.open -= 1 }
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
