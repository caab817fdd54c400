import Linux

/// Words that one task says and another waits for.
final class Probe: Sendable {
  private struct State {
    var said: Set<String> = []
    var waiters: [(String, CheckedContinuation<Void, Never>)] = []
  }

  private let state = Lock(State())

  func add(_ word: String) {
    let ready = self.state.withLock { state in
      state.said.insert(word)
      let ready = state.waiters.filter { $0.0 == word }.map(\.1)
      state.waiters.removeAll { $0.0 == word }
      return ready
    }
    for waiter in ready { waiter.resume() }
  }

  func wait(_ word: String) async {
    await withCheckedContinuation { continuation in
      let isSaid = self.state.withLock { state in
        if state.said.contains(word) { return true }
        state.waiters.append((word, continuation))
        return false
      }
      if isSaid { continuation.resume() }
    }
  }

  func has(_ word: String) -> Bool { self.state.withLock { $0.said.contains(word) } }
}

/// A number that many tasks change.
final class Counter: Sendable {
  private let state = Lock(0)

  var value: Int { self.state.withLock { $0 } }

  @discardableResult
  func add(_ count: Int = 1) -> Int {
    self.state.withLock { value in
      value += count
      return value
    }
  }
}
