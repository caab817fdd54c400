import Linux

/// A value under a lock that tasks can wait on: each names a condition and sleeps until it holds.
///
/// A waiter whose task is cancelled is let go at once; the caller looks at the value again and
/// decides what that means.
final class Watched<Value: Sendable>: Sendable {
  private struct Waiter {
    let condition: @Sendable (Value) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var value: Value
    var nextTicket: UInt64 = 0
    var waiters: [UInt64: Waiter] = [:]
    /// Cancelled between taking the ticket and going to sleep.
    var cancelled: Set<UInt64> = []
  }

  private let state: Lock<State>

  init(_ value: Value) {
    self.state = Lock(State(value: value))
  }

  var value: Value { self.state.withLock { $0.value } }

  /// Looks at the value without a copy of it, which would make the next change copy all of it.
  func read<Result: Sendable>(_ body: (Value) -> Result) -> Result {
    self.state.withLock { body($0.value) }
  }

  /// Changes the value and wakes whoever waited for what it is now.
  @discardableResult
  func change<Result: Sendable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let (result, ready): (Result, [CheckedContinuation<Void, Never>])
    (result, ready) = try self.state.withLock { state throws(Failure) in
      let result = try body(&state.value)
      guard !state.waiters.isEmpty else { return (result, []) }
      let value = state.value
      let ready = state.waiters.filter { $0.value.condition(value) }
      for ticket in ready.keys { state.waiters[ticket] = nil }
      return (result, ready.values.map(\.continuation))
    }
    for continuation in ready { continuation.resume() }
    return result
  }

  /// Returns when `condition` holds, whatever becomes of the task.
  func waitUncancelled(until condition: @escaping @Sendable (Value) -> Bool) async {
    await self.suspend(self.takeTicket(), until: condition)
  }

  /// Returns when `condition` holds or the task is cancelled.
  func wait(until condition: @escaping @Sendable (Value) -> Bool) async {
    let ticket = self.takeTicket()
    await withTaskCancellationHandler {
      await self.suspend(ticket, until: condition)
    } onCancel: {
      self.cancel(ticket)
    }
    // A cancellation that came after the wake-up left its mark.
    self.state.withLock { state in _ = state.cancelled.remove(ticket) }
  }

  private func takeTicket() -> UInt64 {
    self.state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
  }

  private func suspend(
    _ ticket: UInt64, until condition: @escaping @Sendable (Value) -> Bool
  ) async {
    await withCheckedContinuation { continuation in
      if !self.park(ticket, Waiter(condition: condition, continuation: continuation)) {
        continuation.resume()
      }
    }
  }

  /// False when there is nothing to wait for.
  private func park(_ ticket: UInt64, _ waiter: Waiter) -> Bool {
    self.state.withLock { state in
      if state.cancelled.contains(ticket) || waiter.condition(state.value) { return false }
      state.waiters[ticket] = waiter
      return true
    }
  }

  private func cancel(_ ticket: UInt64) {
    let continuation = self.state.withLock { state in
      guard let waiter = state.waiters.removeValue(forKey: ticket) else {
        state.cancelled.insert(ticket)
        return nil as CheckedContinuation<Void, Never>?
      }
      return waiter.continuation
    }
    continuation?.resume()
  }
}
