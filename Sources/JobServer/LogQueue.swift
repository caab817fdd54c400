import Glibc
package import Linux

/// Lines on their way to a log that may stall: written by a thread of its own, so that a full pipe or a
/// stopped terminal holds up nobody. The queue is bounded; what does not fit is dropped, and counted in
/// the log as soon as there is room.
package final class LogQueue: Sendable {
  private struct State: Sendable {
    var lines: [String] = []
    var size = 0
    var dropped = 0
    var isWriting = false
  }

  private let limit: Int
  private let sink: @Sendable (String) -> Void
  private let thread = BlockingThreads(name: "log", count: 1)
  private let state = Lock(State())
  private let idle: EventDescriptor

  /// Holds at most `limit` bytes; `sink` may block.
  package init(
    limit: Int = 1 << 20, sink: @escaping @Sendable (String) -> Void = LineLog.writeToStderr
  ) throws(SystemError) {
    self.limit = limit
    self.sink = sink
    self.idle = try EventDescriptor()
  }

  /// Never blocks.
  package func write(_ line: String) {
    let mustStart = self.state.withLock { state in
      guard state.size + line.utf8.count <= self.limit else {
        state.dropped += 1
        return false
      }
      state.lines.append(line)
      state.size += line.utf8.count
      defer { state.isWriting = true }
      return !state.isWriting
    }
    if mustStart { self.thread.perform { self.writeAll() } }
  }

  /// Waits until everything is written, at most so long: for the end of the process.
  package func finish(within milliseconds: Int64 = 1000) {
    let end = Clock.boot() + milliseconds * 1_000_000
    while self.state.withLock({ $0.isWriting }) {
      let left = (end - Clock.boot()) / 1_000_000
      guard left > 0 else { return }
      var entries = [pollfd(fd: self.idle.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
      try? Poll.wait(&entries, milliseconds: left)  // fails only for bad memory
      self.idle.clear()
    }
  }

  private func writeAll() {
    while let lines = self.take() {
      for line in lines {
        self.sink(line)
        self.state.withLock { $0.size -= line.utf8.count }
      }
    }
    self.idle.signal()
  }

  private func take() -> [String]? {
    self.state.withLock { state in
      if state.dropped > 0 {
        state.lines.append(
          "\(LineLog.text(Clock.wall())) warning log lines dropped count=\(state.dropped)\n")
        state.size += state.lines.last?.utf8.count ?? 0
        state.dropped = 0
      }
      guard !state.lines.isEmpty else {
        state.isWriting = false
        return nil
      }
      defer { state.lines = [] }
      return state.lines
    }
  }
}
