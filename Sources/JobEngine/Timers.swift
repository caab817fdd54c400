import Linux

/// What the event thread does later, in the order of its times.
struct Timers: ~Copyable {
  private struct Entry {
    /// Of CLOCK_BOOTTIME, in nanoseconds.
    var time: Int64
    var body: @Sendable () -> Void
  }

  let timer: TimerDescriptor
  private var entries: [Entry] = []

  init() throws(SystemError) { self.timer = try TimerDescriptor() }

  mutating func add(at time: Int64, now: Int64, _ body: @escaping @Sendable () -> Void) {
    let index = self.entries.firstIndex { $0.time > time } ?? self.entries.endIndex
    self.entries.insert(Entry(time: time, body: body), at: index)
    if index == 0 { self.arm(now) }
  }

  /// Those whose time has come.
  mutating func take(now: Int64) -> [@Sendable () -> Void] {
    self.timer.clear()
    let due = self.entries.prefix { $0.time <= now }.map(\.body)
    self.entries.removeFirst(due.count)
    self.arm(now)
    return due
  }

  private func arm(_ now: Int64) {
    // Cannot fail for a good descriptor and a good time.
    try? self.timer.set(after: self.entries.first.map { UInt64(max($0.time - now, 1)) })
  }
}
