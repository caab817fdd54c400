import Linux

extension EventLoop {
  /// Suspends the calling task for `duration`; throws CancellationError as soon as it is cancelled.
  package func pause(for duration: Duration) async throws {
    let pause = Pause(loop: self)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        self.execute { pause.begin(for: duration.nanoseconds, continuation) }
      }
    } onCancel: {
      self.execute { pause.cancel() }
    }
  }
}

/// One task that waits for a timer. Confined to a loop.
private final class Pause: @unchecked Sendable {
  // @unchecked: state is touched on the loop only.
  private let loop: EventLoop
  private var continuation: CheckedContinuation<Void, any Error>?
  private var timer: TimerQueue.Token?
  private var isCancelled = false

  init(loop: EventLoop) { self.loop = loop }

  func begin(for nanoseconds: Int64, _ continuation: CheckedContinuation<Void, any Error>) {
    self.continuation = continuation
    guard !self.isCancelled else { return self.cancel() }
    self.timer = self.loop.schedule(after: nanoseconds) { self.take()?.resume() }
  }

  func cancel() {
    self.isCancelled = true
    self.loop.cancel(self.timer)
    self.take()?.resume(throwing: CancellationError())
  }

  private func take() -> CheckedContinuation<Void, any Error>? {
    defer { self.continuation = nil }
    return self.continuation
  }
}
