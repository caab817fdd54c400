/// The time that a request, or a message of one, has from its beginning to its end. Confined to a
/// loop.
struct RequestWatch {
  private let loop: EventLoop
  let time: Duration?
  private var timer: TimerQueue.Token?

  init(loop: EventLoop, time: Duration?) {
    self.loop = loop
    self.time = time
  }

  var isRunning: Bool { self.timer != nil }

  mutating func start(_ action: @escaping () -> Void) {
    self.stop()
    guard let time = self.time else { return }
    self.timer = self.loop.schedule(after: time.nanoseconds, action)
  }

  mutating func stop() {
    self.loop.cancel(self.timer)
    self.timer = nil
  }
}
