import CLinux
import Glibc

/// An eventfd(2): wakes a thread that waits in epoll or poll.
package struct EventDescriptor: ~Copyable, Sendable {
  package let descriptor: OwnedDescriptor

  package init() throws(SystemError) {
    self.descriptor = OwnedDescriptor(owning: try check("eventfd") { clinux_eventfd() })
  }

  package borrowing func signal() {
    var one: UInt64 = 1
    // EAGAIN means that the counter is full: the reader is woken all the same.
    _ = Glibc.write(self.descriptor.rawValue, &one, 8)
  }

  package borrowing func clear() {
    var count: UInt64 = 0
    _ = Glibc.read(self.descriptor.rawValue, &count, 8)  // EAGAIN: nothing was signalled
  }
}
