import Testing

@testable import PKI

@Suite struct NamesTests {
  @Test(arguments: ["alice", "a", "_x", "A.b-c_9", String(repeating: "n", count: 63)])
  func plainNamesAreUsers(name: String) throws {
    try Names.checkUser(name)
  }

  @Test(arguments: [
    "", ".", "..", ".hidden", "-flag", "a/b", "a b", "a\nb", "ä", "a\0b", "a,b", "ca", "server",
    String(repeating: "n", count: 64),
  ])
  func otherNamesAreRefused(name: String) throws {
    let error = try failure { try Names.checkUser(name) }
    #expect(error.what.hasPrefix("user name"))
  }

  @Test func aRefusedNameIsToldWithTheRule() throws {
    let error = try failure { try Names.checkUser("a/b") }
    #expect(
      error.description == "user name \"a/b\": only letters, digits and . _ - are allowed")
  }

  @Test func aUserNeedsARole() throws {
    let error = try failure { _ = try Names.roles([]) }
    #expect(error.description == "role: none is given, and a user without a role may do nothing")
  }

  @Test(arguments: ["worker.local", "a", "prod-1.example_x"])
  func trustDomainsAreLowerCase(domain: String) throws {
    try Names.checkTrustDomain(domain)
  }

  @Test(arguments: ["", "Worker.local", "a/b", ".a", "a.", "a b", "a:1"])
  func otherTrustDomainsAreRefused(domain: String) throws {
    _ = try failure { try Names.checkTrustDomain(domain) }
  }

  @Test(arguments: [
    ("localhost", HostName.dns("localhost")),
    ("Node.Example", .dns("node.example")),
    ("*.example.org", .dns("*.example.org")),
    ("my_container", .dns("my_container")),
    ("1password.com", .dns("1password.com")),
    ("127.0.0.1", .address([127, 0, 0, 1])),
    ("::1", .address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
    ("[::1]", .address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
  ])
  func hostsAreAddressesOrNames(text: String, host: HostName) throws {
    #expect(try HostName(text) == host)
  }

  @Test(arguments: [
    "", ".", "a..b", "a.", "-a", "a-", "host:7443", "fe80::1%eth0", "300.1.1.1", "1.2.3", "*",
    "*.org",
    "a.*.b", "ü.example", "a b", "a,DNS:evil", "a\0b", String(repeating: "a", count: 64),
  ])
  func otherHostsAreRefused(text: String) throws {
    let error = try failure { _ = try HostName(text) }
    #expect(error.what == "host \"\(text)\"")
  }

  @Test(arguments: ["10.0.0.255", "::1", "2001:db8::1", "::ffff:1.2.3.4"])
  func addressesAreWrittenAsUsual(text: String) throws {
    #expect(try HostName(text).text == text)
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00Z"), (1_795_369_371, "2026-11-22T17:42:51Z"),
    (253_402_300_799, "9999-12-31T23:59:59Z"),
  ])
  func timesAreRFC3339(seconds: Int64, text: String) {
    #expect(rfc3339(seconds) == text)
  }
}
