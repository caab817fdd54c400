import CLinux

/// Two connected sockets over which descriptors pass from one process to another, see unix(7).
package struct SocketPair: ~Copyable {
  package let left: OwnedDescriptor
  package let right: OwnedDescriptor

  package init() throws(SystemError) {
    var ends: [CInt] = [-1, -1]
    try check("socketpair") { clinux_socket_pair(&ends) }
    self.left = OwnedDescriptor(owning: ends[0])
    self.right = OwnedDescriptor(owning: ends[1])
  }

  /// Keeps the left end and closes the other.
  package consuming func takeLeft() -> OwnedDescriptor { self.left }

  /// Sends copies of all in one message; EPIPE when the other end is closed.
  package static func send(
    _ descriptors: [CInt], over socket: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let raw = socket.rawValue
    try check("sendmsg(SCM_RIGHTS)") {
      clinux_send_descriptors(raw, descriptors, CInt(descriptors.count))
    }
  }

  /// Waits for a message of just so many; nil when the other end is closed. The caller owns them.
  package static func receive(
    _ count: Int, from socket: borrowing OwnedDescriptor
  ) throws(SystemError) -> [CInt]? {
    let raw = socket.rawValue
    var descriptors = [CInt](repeating: -1, count: count)
    let received = try check("recvmsg(SCM_RIGHTS)") {
      clinux_receive_descriptors(raw, &descriptors, CInt(count))
    }
    return received == 0 ? nil : descriptors
  }
}
