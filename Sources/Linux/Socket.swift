import CLinux
import Glibc

/// What a non-blocking read or write came to.
package enum SocketProgress: Hashable, Sendable {
  case bytes(Int)
  /// Nothing now: wait for readiness.
  case wouldBlock
  /// The peer has ended its side (reads only).
  case ended
  case failed(SystemError)
}

/// A connected (or connecting) TCP socket, non-blocking, see tcp(7).
///
/// A class, as it is handed from the loop that accepts to the loop that serves; closed when the
/// last reference goes.
package final class StreamSocket: Sendable {
  package let descriptor: OwnedDescriptor

  package init(owning descriptor: consuming OwnedDescriptor) {
    self.descriptor = descriptor
  }

  /// Begins to connect; writability tells the end, and `takeError` the outcome.
  package init(connectingTo endpoint: IPEndpoint) throws(SystemError) {
    var raw = endpoint.raw
    let descriptor = OwnedDescriptor(owning: try check("socket") { clinux_socket(&raw) })
    if clinux_connect(descriptor.rawValue, &raw) == -1, errno != EINPROGRESS, errno != EINTR {
      throw SystemError(call: "connect(\(endpoint))", errno: errno)
    }
    self.descriptor = descriptor
  }

  /// TCP_NODELAY, as we batch ourselves, and TCP_USER_TIMEOUT against a peer that vanished.
  package func setOptions(userTimeoutMilliseconds: UInt32) throws(SystemError) {
    let fd = self.descriptor.rawValue
    // An int for the kernel: more is EINVAL.
    let time = min(userTimeoutMilliseconds, UInt32(Int32.max))
    try check("setsockopt(TCP)") { clinux_tcp_options(fd, time) }
  }

  /// The error of a finished connect, or nil.
  package func takeError() -> SystemError? {
    let error = clinux_socket_error(self.descriptor.rawValue)
    return error == 0 ? nil : SystemError(call: "connect", errno: error)
  }

  package func localEndpoint() throws(SystemError) -> IPEndpoint {
    var raw = clinux_address()
    let fd = self.descriptor.rawValue
    try check("getsockname") { clinux_local_address(fd, &raw) }
    return IPEndpoint(raw: raw)
  }

  package func send(_ bytes: UnsafeRawBufferPointer) -> SocketProgress {
    Self.progress("send", clinux_send(self.descriptor.rawValue, bytes.baseAddress, bytes.count))
  }

  package func receive(_ buffer: UnsafeMutableRawBufferPointer) -> SocketProgress {
    let count = clinux_receive(self.descriptor.rawValue, buffer.baseAddress, buffer.count)
    return count == 0 ? .ended : Self.progress("recv", count)
  }

  /// Ends our side; what was sent is still delivered.
  package func shutdownWrite() {
    _ = clinux_shutdown_write(self.descriptor.rawValue)  // ENOTCONN: the peer was faster
  }

  private static func progress(_ call: String, _ result: Int) -> SocketProgress {
    if result >= 0 { return .bytes(result) }
    switch errno {
    case EAGAIN, EINTR: return .wouldBlock  // level-triggered readiness reports it again
    case let code: return .failed(SystemError(call: call, errno: code))
    }
  }
}

/// A listening TCP socket, non-blocking.
package struct ListeningSocket: ~Copyable, Sendable {
  package let descriptor: OwnedDescriptor
  /// With the port the kernel chose when 0 was asked.
  package let endpoint: IPEndpoint

  /// `dualStack`: an IPv6 wildcard takes IPv4 as well.
  package init(_ endpoint: IPEndpoint, dualStack: Bool, backlog: CInt = 4096) throws(SystemError) {
    var raw = endpoint.raw
    let fd = try check("listen on \(endpoint)") { clinux_listen(&raw, backlog, dualStack ? 1 : 0) }
    let descriptor = OwnedDescriptor(owning: fd)
    try check("getsockname") { clinux_local_address(fd, &raw) }
    self.endpoint = IPEndpoint(raw: raw)
    self.descriptor = descriptor
  }

  /// The next connection; nil when there is none.
  package borrowing func accept() throws(SystemError) -> (StreamSocket, peer: IPEndpoint)? {
    var raw = clinux_address()
    let fd = clinux_accept(self.descriptor.rawValue, &raw)
    if fd >= 0 {
      return (StreamSocket(owning: OwnedDescriptor(owning: fd)), IPEndpoint(raw: raw))
    }
    switch errno {
    // accept(2): errors of a connection that ended before it was taken are like no connection.
    case EAGAIN, EINTR, ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH:
      return nil
    case let code: throw SystemError(call: "accept", errno: code)
    }
  }
}
