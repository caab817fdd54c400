import Testing

@Suite(.endToEnd, .serialized) struct OwnershipTests {
  @Test func usersSeeAndTouchOnlyTheirOwn() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--name", "mine", "--", "sleep", "1000"], as: "alice")
      let other = try await host.startJob(["--name", "mine", "--", "sleep", "1000"], as: "bob")
      for arguments in [
        ["status", id], ["stop", id], ["signal", id, "TERM"], ["logs", id], ["wait", id],
        ["rm", id],
      ] {
        let foreign = try await host.worker(arguments, as: "bob")
        let missing = try await host.worker(
          [arguments[0], "00000000000000ff"] + arguments.dropFirst(2), as: "bob")
        #expect(foreign.code == 125, "\(arguments): \(foreign)")
        #expect(
          foreign.stderr.replacing(id, with: "ID")
            == missing.stderr.replacing("00000000000000ff", with: "ID"))
      }
      #expect(try await host.worker("list", as: "alice").text.contains(id))
      #expect(try await !host.worker("list", as: "bob").text.contains(id))
      #expect(try await host.worker("list", as: "admin").text.contains(id))
      #expect(try await host.worker("list", as: "victor").text.contains(id))
      #expect(try await host.worker("stop", id, as: "victor").code == 125)
      #expect(try await host.worker("run", "--", "true", as: "victor").code == 125)
      #expect(try await host.worker("run", "--user", "root", "--", "true", as: "alice").code == 125)
      #expect(
        try await host.worker("run", "--user", "root", "--", "id", "-u", as: "admin").text == "0\n")
      #expect(try await host.worker("status", "mine", as: "bob").text.contains(other))
    }
  }

  @Test func anAmbiguousNameListsTheMatches() async throws {
    try await Host.with { host in
      let first = try await host.startJob(["--name", "same", "--", "sleep", "1000"], as: "alice")
      let second = try await host.startJob(["--name", "same", "--", "sleep", "1000"], as: "bob")
      let outcome = try await host.worker("status", "same", as: "admin")
      #expect(outcome.code == 125)
      #expect(outcome.stderr.contains(first) && outcome.stderr.contains(second), "\(outcome)")
    }
  }
}
