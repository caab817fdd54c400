import CLinux
import Glibc

/// epoll(7), level-triggered: a forgotten byte is reported again.
package struct Epoll: ~Copyable {
  package struct Events: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let readable = Events(rawValue: UInt32(CLINUX_EPOLLIN))
    package static let writable = Events(rawValue: UInt32(CLINUX_EPOLLOUT))
    package static let peerClosed = Events(rawValue: UInt32(CLINUX_EPOLLRDHUP))
    /// Reported always, asked for or not.
    package static let hangUp = Events(rawValue: UInt32(CLINUX_EPOLLHUP))
    package static let error = Events(rawValue: UInt32(CLINUX_EPOLLERR))
  }

  /// One ready descriptor: the token it was added with.
  package struct Ready: Sendable {
    package let token: UInt64
    package let events: Events
  }

  private let descriptor: OwnedDescriptor
  private let buffer: UnsafeMutableBufferPointer<clinux_epoll_event>

  package init(capacity: Int = 256) throws(SystemError) {
    self.descriptor = OwnedDescriptor(owning: try check("epoll_create1") { clinux_epoll_create() })
    self.buffer = .allocate(capacity: capacity)
    self.buffer.initialize(repeating: clinux_epoll_event())
  }

  deinit {
    self.buffer.deallocate()
  }

  package borrowing func add(
    _ descriptor: CInt, token: UInt64, events: Events
  ) throws(SystemError) {
    let epoll = self.descriptor.rawValue
    try check("epoll_ctl(ADD)") {
      clinux_epoll_control(epoll, CInt(CLINUX_EPOLL_ADD), descriptor, events.rawValue, token)
    }
  }

  package borrowing func modify(
    _ descriptor: CInt, token: UInt64, events: Events
  ) throws(SystemError) {
    let epoll = self.descriptor.rawValue
    try check("epoll_ctl(MOD)") {
      clinux_epoll_control(epoll, CInt(CLINUX_EPOLL_MODIFY), descriptor, events.rawValue, token)
    }
  }

  package borrowing func remove(_ descriptor: CInt) throws(SystemError) {
    let epoll = self.descriptor.rawValue
    try check("epoll_ctl(DEL)") {
      clinux_epoll_control(epoll, CInt(CLINUX_EPOLL_REMOVE), descriptor, 0, 0)
    }
  }

  /// Waits for events; `timeout` in milliseconds, -1 for ever. An interruption is an empty answer.
  package borrowing func wait(
    timeout: CInt, _ body: (Ready) -> Void
  ) throws(SystemError) {
    let epoll = self.descriptor.rawValue
    let count = clinux_epoll_wait(
      epoll, self.buffer.baseAddress, CInt(self.buffer.count), timeout)
    if count == -1 {
      if errno == EINTR { return }
      throw SystemError(call: "epoll_wait", errno: errno)
    }
    for index in 0..<Int(count) {
      let event = self.buffer[index]
      body(Ready(token: event.token, events: Events(rawValue: event.events)))
    }
  }
}
