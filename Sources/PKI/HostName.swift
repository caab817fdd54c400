import Glibc

/// A name or address a server is reached at: what a client compares with a subjectAltName.
enum HostName: Hashable {
  case dns(String)
  /// 4 or 16 bytes in network order.
  case address([UInt8])

  /// Takes `text` as an address when it is one (`[::1]` too), else as a DNS name.
  init(_ text: String) throws(PKIError) {
    let bare =
      text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    if let bytes = Self.parse(AF_INET, bare, count: 4) ?? Self.parse(AF_INET6, bare, count: 16) {
      self = .address(bytes)
      return
    }
    let name = text.lowercased()
    if let reason = Self.fault(inName: name) {
      throw PKIError(what: "host \"\(text)\"", reason: reason)
    }
    self = .dns(name)
  }

  /// The address or name as people write it.
  var text: String {
    switch self {
    case .dns(let name): name
    case .address(let bytes): Self.text(address: bytes)
    }
  }

  /// `localhost`, both loopback addresses, and this machine's name if it can be one in DNS.
  static func defaults() -> [String] {
    var names = ["localhost", "127.0.0.1", "::1"]
    var buffer = [CChar](repeating: 0, count: 256)
    if gethostname(&buffer, buffer.count - 1) == 0 {
      let own = String(
        decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if (try? HostName(own)) != nil { names.append(own) }
    }
    return names
  }

  /// inet_pton(3).
  private static func parse(_ family: CInt, _ text: String, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    return inet_pton(family, text, &bytes) == 1 ? bytes : nil
  }

  /// inet_ntop(3).
  static func text(address bytes: [UInt8]) -> String {
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard bytes.count == 4 || bytes.count == 16,
      inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil
    else { return "invalid address" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Why `name` is no DNS name (RFC 1123 section 2.1, underscores allowed since containers have
  /// them), or nil. A first label `*` is a wildcard, RFC 6125 section 6.4.3.
  private static func fault(inName name: String) -> String? {
    guard (1...253).contains(name.utf8.count) else { return "must have 1 to 253 characters" }
    var labels = name.split(separator: ".", omittingEmptySubsequences: false)
    if labels.count > 2, labels[0] == "*" { labels.removeFirst() }
    for label in labels {
      guard (1...63).contains(label.utf8.count) else {
        return "each part between dots must have 1 to 63 characters"
      }
      guard label.utf8.allSatisfy({ Names.isPlain($0) }) else {
        return "is neither an IP address nor a DNS name (no port, no scope; xn-- form for others)"
      }
      if label.hasPrefix("-") || label.hasSuffix("-") {
        return "no part may begin or end with -"
      }
    }
    // `300.1.1.1` is a mistyped address: no top-level domain is a number.
    if let last = labels.last, last.utf8.allSatisfy({ UInt8.digits.contains($0) }) {
      return "is no IPv4 address, and no DNS name ends in a number"
    }
    return nil
  }
}
