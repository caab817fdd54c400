import Testing

@testable import JobEngine

@Suite struct PrivilegesTests {
  @Test func rootWithAllNeedsNothing() {
    #expect(Privileges.problem(uid: 0) { _ in true } == nil)
  }

  @Test func exactlyWhatIsMissingIsNamedWithItsUse() throws {
    let problem = try #require(Privileges.problem(uid: 0) { ![12, 21].contains($0) })
    #expect(
      problem.hasSuffix(
        ": CAP_NET_ADMIN (a job's own network), CAP_SYS_ADMIN (namespaces and mounts); give it "
          + "these"))
    #expect(!problem.contains("CAP_KILL"))
  }

  @Test func anotherUserIsToldAllThatIsMissing() throws {
    let problem = try #require(Privileges.problem(uid: 1000) { _ in false })
    #expect(problem.hasPrefix("jobs need root, and this worker runs as uid 1000: missing are "))
    for name in ["CHOWN", "DAC_OVERRIDE", "KILL", "SETUID", "SYS_ADMIN", "MKNOD"] {
      #expect(problem.contains("CAP_\(name) ("))
    }
  }

  @Test func anotherUserWithAllCapabilitiesIsToldWhyThatIsNotEnough() throws {
    let problem = try #require(Privileges.problem(uid: 1000) { _ in true })
    #expect(problem.contains("not be passed on") && !problem.contains("CAP_"))
  }
}
