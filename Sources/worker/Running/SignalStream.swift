import Glibc
import Linux

/// Signals as a stream, read from a signalfd by a thread that does nothing else.
final class SignalStream: Sendable {
  private let descriptor: SignalDescriptor
  private let isEmpty: Bool

  /// Blocks `signals` in the calling thread and in those it starts later.
  init(_ signals: [Int32]) throws(SystemError) {
    self.descriptor = try SignalDescriptor(signals)
    self.isEmpty = signals.isEmpty
  }

  /// Without those that whoever started this process wants ignored: SIGHUP below nohup(1), SIGINT in
  /// a shell's background.
  static func heeded(of signals: [Int32]) -> [Int32] {
    signals.filter { Signal(number: $0)?.isIgnored != true }
  }

  /// The stream; it never ends, and there is one only.
  func start() -> AsyncStream<Int32> {
    let (stream, continuation) = AsyncStream<Int32>.makeStream()
    guard !self.isEmpty else { return stream }
    Threads.start(name: "signals") {
      while let signal = self.wait() { continuation.yield(signal) }
    }
    return stream
  }

  private func wait() -> Int32? {
    var entries = [
      pollfd(fd: self.descriptor.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    ]
    while true {
      if let signal = self.descriptor.next() { return signal }
      do throws(SystemError) { try Poll.wait(&entries) } catch { return nil }
    }
  }
}
