package import CLinux

/// Where a server listens or a client connects to: a host as the user wrote it, a port, and the
/// numeric addresses behind the host, in the order in which they are to be tried.
package struct SocketAddress: Sendable, CustomStringConvertible {
  /// As written, without brackets; empty means every interface of this host.
  package let host: String
  package let port: UInt16
  /// Never empty.
  package let candidates: [IPEndpoint]

  /// Reads `127.0.0.1:7443`, `[::1]:7443`, `localhost:7443` or `:7443`. A name is looked up, which
  /// blocks: call it before a loop runs, or off it.
  package init(parsing text: String) throws(AddressError) {
    let (host, port) = try Self.split(text)
    self.host = host
    self.port = port
    self.candidates = try Self.candidates(host: host, port: port, text: text)
  }

  package init(endpoint: IPEndpoint) {
    self.host = endpoint.host
    self.port = endpoint.port
    self.candidates = [endpoint]
  }

  package var description: String {
    self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
  }

  private static func split(_ text: String) throws(AddressError) -> (String, UInt16) {
    guard let colon = text.lastIndex(of: ":"), text.last != "]" else {
      throw AddressError(text: text, reason: "has no port; write HOST:PORT, as 127.0.0.1:7443")
    }
    guard let port = UInt16(text[text.index(after: colon)...]) else {
      throw AddressError(text: text, reason: "has no port between 0 and 65535")
    }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw AddressError(text: text, reason: "needs brackets around IPv6, as [::1]:7443")
    }
    return (String(host), port)
  }

  private static func candidates(
    host: String, port: UInt16, text: String
  ) throws(AddressError) -> [IPEndpoint] {
    if host.isEmpty { return [.any(version: 6, port: port), .any(version: 4, port: port)] }
    if let numeric = IPEndpoint(host: host, port: port) { return [numeric] }
    if host.contains(where: { $0 == ":" || $0 == "%" }) {
      throw AddressError(text: text, reason: "holds no valid IPv6 address")
    }
    var found = [clinux_address](repeating: clinux_address(), count: 16)
    var why: UnsafePointer<CChar>?
    let count = clinux_resolve(host, port, &found, CInt(found.count), &why)
    guard count > 0 else {
      let reason = why.map { String(cString: $0) } ?? "unknown error"
      throw AddressError(text: text, reason: "cannot be looked up: \(reason)")
    }
    return found[..<Int(count)].map { IPEndpoint(raw: $0) }
  }
}

/// One numeric IP address and port.
package struct IPEndpoint: Hashable, Sendable, CustomStringConvertible {
  package let raw: clinux_address

  package init(raw: clinux_address) { self.raw = raw }

  /// Nil when `host` is a name.
  package init?(host: String, port: UInt16) {
    var raw = clinux_address()
    guard clinux_address_parse(host, port, &raw) == 0 else { return nil }
    self.raw = raw
  }

  /// Every interface of this host.
  package static func any(version: UInt8, port: UInt16) -> IPEndpoint {
    var raw = clinux_address()
    raw.version = version
    raw.port = port
    return IPEndpoint(raw: raw)
  }

  package var port: UInt16 { self.raw.port }
  package var isIPv4: Bool { self.raw.version == 4 }

  package func with(port: UInt16) -> IPEndpoint {
    var raw = self.raw
    raw.port = port
    return IPEndpoint(raw: raw)
  }

  /// As `127.0.0.1` or `::1`.
  package var host: String {
    var raw = self.raw
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      guard let text = buffer.baseAddress, clinux_address_text(&raw, text, 64) == 0 else {
        return "?"
      }
      return String(cString: text)
    }
  }

  package var description: String {
    self.isIPv4 ? "\(self.host):\(self.port)" : "[\(self.host)]:\(self.port)"
  }

  /// The form that gRPC asks of peers, as `ipv4:127.0.0.1:7443`.
  package var grpcPeer: String { (self.isIPv4 ? "ipv4:" : "ipv6:") + self.description }

  package static func == (left: Self, right: Self) -> Bool {
    left.raw.version == right.raw.version && left.raw.port == right.raw.port
      && left.raw.scope == right.raw.scope && left.words == right.words
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(self.raw.version)
    hasher.combine(self.raw.port)
    hasher.combine(self.words)
  }

  private var words: [UInt64] {
    withUnsafeBytes(of: self.raw.bytes) {
      [$0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)]
    }
  }
}

/// An address that cannot be used, with the text and what is wrong with it.
package struct AddressError: Error, Hashable, CustomStringConvertible {
  package let text: String
  package let reason: String

  package var description: String { "address '\(self.text)' \(self.reason)" }
}
