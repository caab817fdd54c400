import Testing

@testable import PKI

/// Lifetimes and states, at any moment the clock is set to.
@Suite struct ValidityTests {
  private let start: Int64 = 1_800_000_000

  @Test func lifetimesAreAsDocumented() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, clock: .fixed(self.start))
    for (name, days) in [("ca", Int64(3650)), ("server", 365), ("admin", 90)] {
      let certificate = try load("\(name).crt", in: folder)
      #expect(certificate.notBefore == self.start - 300)
      #expect(certificate.notAfter == self.start + days * day)
    }
  }

  @Test func aLeafNeverOutlivesItsAuthority() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("certs")
    var lifetimes = Lifetimes()
    lifetimes.authority = 30
    _ = try CertificateAuthority.initialize(
      folder: path, lifetimes: lifetimes, clock: .fixed(self.start))
    let authority = try load("ca.crt", in: folder)
    #expect(try load("server.crt", in: folder).notAfter == authority.notAfter)
    #expect(try load("admin.crt", in: folder).notAfter == authority.notAfter)
  }

  @Test func anExpiredAuthoritySignsNothing() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, clock: .fixed(self.start))
    let later = try CertificateAuthority(
      folder: folder.file("certs"), clock: .fixed(self.start + 3651 * day))
    let error = try failure { _ = try later.issueUser(name: "alice", roles: ["user"]) }
    #expect(error.reason.hasPrefix("it expired on 2037-01-12T08:00:00Z"))
    #expect(!folder.names().contains("certs/alice.crt"))
  }

  @Test func aClockBeforeTheAuthorityIsRefused() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, clock: .fixed(self.start))
    let early = try CertificateAuthority(folder: folder.file("certs"), clock: .fixed(0))
    let error = try failure { _ = try early.issueUser(name: "alice", roles: ["user"]) }
    #expect(error.reason.hasSuffix("but this machine's clock says 1970-01-01T00:00:00Z"))
  }

  @Test(arguments: [0, -1, 36501])
  func senselessLifetimesAreRefused(days: Int) throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let error = try failure { _ = try ca.issueUser(name: "alice", roles: ["user"], days: days) }
    #expect(error.description == "days \(days): must be between 1 and 36500")
  }

  @Test(arguments: [
    (Int64(-301), CertificateSummary.State.notYetValid),
    (-300, .valid),
    (60 * day, .valid),
    (60 * day + 200, .expiring),
    (90 * day, .expiring),
    (90 * day + 1, .expired),
  ])
  func stateFollowsTheClock(offset: Int64, state: CertificateSummary.State) throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, clock: .fixed(self.start))
    let all = try summaries(folder: folder.file("certs"), clock: .fixed(self.start + offset))
    #expect(all.first { $0.name == "admin" }?.state == state)
  }

  @Test func timesBeyondTheYear2049AreKept() throws {
    let folder = try TemporaryFolder()
    var lifetimes = Lifetimes()
    lifetimes.authority = 36500
    _ = try CertificateAuthority.initialize(
      folder: folder.file("certs"), lifetimes: lifetimes, clock: .fixed(self.start))
    #expect(try load("ca.crt", in: folder).notAfter == self.start + 36500 * day)
  }
}
