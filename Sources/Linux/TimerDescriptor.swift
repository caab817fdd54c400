import CLinux
import Glibc

/// A timerfd_create(2) on CLOCK_BOOTTIME: goes on while the machine sleeps, as a deadline should.
package struct TimerDescriptor: ~Copyable, Sendable {
  package let descriptor: OwnedDescriptor

  package init() throws(SystemError) {
    self.descriptor = OwnedDescriptor(owning: try check("timerfd_create") { clinux_timerfd() })
  }

  /// Fires once after `nanoseconds` (at least one), or never when nil.
  package borrowing func set(after nanoseconds: UInt64?) throws(SystemError) {
    let timer = self.descriptor.rawValue
    let value = nanoseconds.map { max($0, 1) } ?? 0
    try check("timerfd_settime") { clinux_timerfd_set(timer, value) }
  }

  package borrowing func clear() {
    var count: UInt64 = 0
    _ = Glibc.read(self.descriptor.rawValue, &count, 8)  // EAGAIN: it has not fired
  }
}
