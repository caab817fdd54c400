import GRPCCore
import Linux

/// The calls that last as long as a job does: followers, waiters, stops. They end when the server does,
/// with UNAVAILABLE, so that clients come back to the next one.
package final class LongCalls: Sendable {
  private struct State {
    var isOver = false
    var next: UInt64 = 0
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var idle: CheckedContinuation<Void, Never>?
  }

  private let state = Lock(State())

  package init() {}

  /// Runs `body` until it ends, or until `end` is called.
  func run<Success: Sendable>(
    _ body: @Sendable @escaping () async throws -> Success
  ) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
      group.addTask { try await body() }
      group.addTask {
        await self.waitForEnd()
        try Task.checkCancellation()  // the body was first
        throw RPCError(code: .unavailable, message: "the server is shutting down")
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }

  /// Cuts off those that run, and all to come.
  package func end() {
    let waiting = self.state.withLock { state in
      state.isOver = true
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Answers once no such call runs, or when cancelled.
  package func untilIdle() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isIdle = self.state.withLock { state in
          if state.waiting.isEmpty || Task.isCancelled { return true }
          state.idle = continuation
          return false
        }
        if isIdle { continuation.resume() }
      }
    } onCancel: {
      self.takeIdle(always: true)?.resume()
    }
  }

  private func waitForEnd() async {
    let ticket = self.state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = self.state.withLock { state in
          if state.isOver || Task.isCancelled { return true }
          state.waiting[ticket] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      self.state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
      self.takeIdle(always: false)?.resume()
    }
  }

  private func takeIdle(always: Bool) -> CheckedContinuation<Void, Never>? {
    self.state.withLock { state in
      guard always || state.waiting.isEmpty else { return nil }
      defer { state.idle = nil }
      return state.idle
    }
  }
}
