import Linux
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("127.0.0.1:7443", "127.0.0.1", 7443, "127.0.0.1:7443"),
    ("[::1]:7443", "::1", 7443, "[::1]:7443"),
    (":0", "", 0, ":0"),
    ("localhost:65535", "localhost", 65535, "localhost:65535"),
  ])
  func addressIsRead(text: String, host: String, port: UInt16, description: String) throws {
    let address = try SocketAddress(parsing: text)
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(address.description == description)
    #expect(!address.candidates.isEmpty)
    #expect(address.candidates.allSatisfy { $0.port == port })
  }

  @Test(arguments: [
    ("", "has no port; write HOST:PORT, as 127.0.0.1:7443"),
    ("host", "has no port; write HOST:PORT, as 127.0.0.1:7443"),
    ("[::1]", "has no port; write HOST:PORT, as 127.0.0.1:7443"),
    ("host:", "has no port between 0 and 65535"),
    ("host:65536", "has no port between 0 and 65535"),
    ("host:x", "has no port between 0 and 65535"),
    ("::1:7443", "needs brackets around IPv6, as [::1]:7443"),
    ("[::z]:1", "holds no valid IPv6 address"),
  ])
  func badAddressSaysWhy(text: String, reason: String) {
    let error = #expect(throws: AddressError.self) { try SocketAddress(parsing: text) }
    #expect(error?.description == "address '\(text)' \(reason)")
  }

  @Test func unknownNameSaysWhy() {
    let error = #expect(throws: AddressError.self) {
      try SocketAddress(parsing: "no-such-host.invalid:1")
    }
    #expect(error?.reason.hasPrefix("cannot be looked up: ") == true)
  }

  @Test func localhostIsLoopback() throws {
    let hosts = try SocketAddress(parsing: "localhost:1").candidates.map(\.host)
    #expect(Set(hosts).isSubset(of: ["127.0.0.1", "::1"]))
  }

  @Test func peersAreNamedAsGRPCAsks() {
    #expect(IPEndpoint(host: "::1", port: 443)?.grpcPeer == "ipv6:[::1]:443")
    #expect(IPEndpoint(host: "10.0.0.1", port: 1)?.grpcPeer == "ipv4:10.0.0.1:1")
  }
}
