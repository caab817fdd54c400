import CLinux
import Glibc

/// Signals by name and number, see signal(7).
package struct Signal: Hashable, Sendable, CustomStringConvertible {
  package let number: CInt

  package init?(number: CInt) {
    guard (1...64).contains(number) else { return nil }
    self.number = number
  }

  /// `TERM`, `SIGTERM`, `sigterm` and `15` mean the same.
  package init?(_ text: String) {
    if let number = CInt(text) {
      self.init(number: number)
      return
    }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    for number in 1..<CInt(32) where Self.name(number) == name {
      self.init(number: number)
      return
    }
    return nil
  }

  /// Without `SIG`, as `TERM`; the number for real-time signals.
  package var name: String { Self.name(self.number) ?? "\(self.number)" }

  package var description: String { self.name }

  /// Whether this process ignores it, see sigaction(2).
  package var isIgnored: Bool { clinux_signal_is_ignored(self.number) == 1 }

  private static func name(_ number: CInt) -> String? {
    clinux_signal_name(number).map { String(cString: $0) }
  }
}

/// A signalfd(2): the signals it names are blocked for the thread and read here instead.
package struct SignalDescriptor: ~Copyable, Sendable {
  package let descriptor: OwnedDescriptor

  /// Blocks `signals` in the calling thread. Threads made later inherit that, so call it first.
  package init(_ signals: [CInt]) throws(SystemError) {
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in signals { sigaddset(&mask, signal) }
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    self.descriptor = OwnedDescriptor(owning: try check("signalfd") { clinux_signalfd(&mask) })
  }

  /// The next signal's number, or nil when there is none.
  package borrowing func next() -> CInt? {
    let number = clinux_signalfd_next(self.descriptor.rawValue)
    return number > 0 ? number : nil
  }
}
