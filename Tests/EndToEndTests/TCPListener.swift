import Glibc
import Linux

/// A port of the host's that counts who comes.
final class TCPListener {
  let port: UInt16
  private let socket: OwnedDescriptor

  /// On an IPv4 address, at any free port.
  init(_ address: UInt32) throws {
    self.socket = OwnedDescriptor(
      owning: try check("socket") {
        Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
      })
    let raw = self.socket.rawValue
    var place = Self.place(address, 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &place) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        try check("bind") { bind(raw, generic, size) }
        try check("listen") { listen(raw, 16) }
        try check("getsockname") { getsockname(raw, generic, &size) }
      }
    }
    self.port = UInt16(bigEndian: place.sin_port)
  }

  /// How many have connected since the last look.
  var connections: Int {
    var count = 0
    while true {
      let accepted = accept(self.socket.rawValue, nil, nil)
      guard accepted >= 0 else { return count }
      close(accepted)
      count += 1
    }
  }

  /// 0, or the error of connect(2).
  static func connect(_ address: UInt32, _ port: UInt16) -> CInt {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var place = self.place(address, port)
    return withUnsafeMutablePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        Glibc.connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
          ? 0 : errno
      }
    }
  }

  private static func place(_ address: UInt32, _ port: UInt16) -> sockaddr_in {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = address.bigEndian
    place.sin_port = port.bigEndian
    return place
  }
}

/// The address that the host sends from.
enum HostAddress {
  /// As getsockname(2) of a UDP socket that is connected somewhere far away, which sends nothing.
  static func find() -> UInt32? {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0xc633_6401).bigEndian  // RFC 5737
    place.sin_port = UInt16(9).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard connect(descriptor, generic, size) == 0,
          getsockname(descriptor, generic, &size) == 0
        else { return nil }
        return UInt32(bigEndian: pointer.pointee.sin_addr.s_addr)
      }
    }
  }
}

extension UInt32 {
  /// As an IPv4 address.
  var dotted: String {
    [24, 16, 8, 0].map { "\(self >> $0 & 0xff)" }.joined(separator: ".")
  }
}
