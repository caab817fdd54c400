import Glibc
import Linux

/// Signals as a stream, read from a signalfd by a thread that does nothing else.
final class SignalStream: Sendable {
  private let descriptor: SignalDescriptor?

  /// Blocks `signals` in the calling thread and in those it starts later.
  init(_ signals: [Int32]) throws(SystemError) {
    self.descriptor = signals.isEmpty ? nil : try SignalDescriptor(signals)
  }

  /// The stream; it never ends, and there is one only.
  func start() -> AsyncStream<Int32> {
    let (stream, continuation) = AsyncStream<Int32>.makeStream()
    guard self.descriptor != nil else { return stream }
    Threads.start(name: "signals") {
      while let signal = self.wait() { continuation.yield(signal) }
    }
    return stream
  }

  private func wait() -> Int32? {
    guard let raw = self.descriptor?.descriptor.rawValue else { return nil }
    while true {
      if let signal = self.descriptor?.next() { return signal }
      var entries = [pollfd(fd: raw, events: Int16(POLLIN), revents: 0)]
      do throws(SystemError) { try Poll.wait(&entries) } catch { return nil }
    }
  }
}
