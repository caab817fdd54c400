import Glibc
import Linux

/// Counts what comes in on an IPv4 address, at any free port.
final class UDPReceiver {
  let port: UInt16
  private let socket: OwnedDescriptor

  init(_ address: UInt32) throws {
    self.socket = OwnedDescriptor(
      owning: try check("socket") {
        Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
      })
    let raw = self.socket.rawValue
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = address.bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &place) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        try check("bind") { bind(raw, generic, size) }
        try check("getsockname") { getsockname(raw, generic, &size) }
      }
    }
    self.port = UInt16(bigEndian: place.sin_port)
  }

  /// How many datagrams since the last look.
  var received: Int {
    var count = 0
    var byte: UInt8 = 0
    while recv(self.socket.rawValue, &byte, 1, 0) >= 0 { count += 1 }
    return count
  }
}
