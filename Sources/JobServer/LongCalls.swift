import GRPCCore
import JobEngine
import Linux

/// On what ground a long call was allowed.
struct Grounds: Sendable {
  let method: Method
  let owner: String
  let caller: Caller

  init(_ method: Method, _ job: JobSummary, _ caller: Caller) {
    self.method = method
    self.owner = job.owner
    self.caller = caller
  }

  /// Nil where the policy still allows it.
  func refusal(under policy: Policy) -> RPCError? {
    let caller = self.caller.under(policy)
    if Authorization.allows(self.method, onJobOf: self.owner, caller) { return nil }
    return RPCError(
      code: .permissionDenied,
      message: "the policy does not allow '\(caller.name)' \(self.method.rawValue) any more")
  }
}

/// The calls that last as long as a job does: followers, waiters, stops. They end when the server does,
/// with UNAVAILABLE, so that clients come back to the next one; and when a new policy does not allow
/// them.
package final class LongCalls: Sendable {
  private struct Waiter {
    let grounds: Grounds
    let continuation: CheckedContinuation<RPCError?, Never>
  }

  private struct State {
    var isOver = false
    /// The last that a reload brought; a call may have been let in under the one before.
    var policy: Policy?
    var next: UInt64 = 0
    var waiting: [UInt64: Waiter] = [:]
    var idle: CheckedContinuation<Void, Never>?
  }

  private let state = Lock(State())

  package init() {}

  /// Runs `body` until it ends, or until it may not go on.
  func run<Success: Sendable>(
    _ grounds: Grounds, _ body: @Sendable @escaping () async throws -> Success
  ) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
      group.addTask { try await body() }
      group.addTask {
        let refusal = await self.waitForEnd(grounds)
        try Task.checkCancellation()  // the body was first
        throw refusal ?? RPCError(code: .unavailable, message: "the server is shutting down")
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
    for waiter in waiting { waiter.continuation.resume(returning: nil) }
  }

  /// Ends those that `policy` does not allow.
  func checkAgain(under policy: Policy) {
    let waiting = self.state.withLock { state in
      state.policy = policy
      return state.waiting
    }
    for (ticket, waiter) in waiting {
      guard let refusal = waiter.grounds.refusal(under: policy) else { continue }
      let isThere = self.state.withLock { $0.waiting.removeValue(forKey: ticket) != nil }
      if isThere { waiter.continuation.resume(returning: refusal) }
    }
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

  /// Nil: the server ends, or the task was cancelled.
  private func waitForEnd(_ grounds: Grounds) async -> RPCError? {
    let ticket = self.state.withLock { state in
      state.next += 1
      return state.next
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let end: RPCError?? = self.state.withLock { state in
          if state.isOver || Task.isCancelled { return .some(nil) }
          if let refusal = state.policy.flatMap({ grounds.refusal(under: $0) }) { return refusal }
          state.waiting[ticket] = Waiter(grounds: grounds, continuation: continuation)
          return nil
        }
        if let end { continuation.resume(returning: end) }
      }
    } onCancel: {
      let waiter = self.state.withLock { $0.waiting.removeValue(forKey: ticket) }
      waiter?.continuation.resume(returning: nil)
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
