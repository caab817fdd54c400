import Glibc
import Linux
import TestSupport
import Testing

@Suite(.endToEnd, .serialized) struct LimitTests {
  @Test func memoryAboveTheLimitIsAnOOMKillWithEvidence() async throws {
    try await Host.with { host in
      let id = try await host.startJob(
        [
          "--memory", "64M", "--", "awk",
          "BEGIN { s = \"xxxxxxxx\"; while (length(s) < 200000000) s = s s }",
        ])
      #expect(try await host.worker("wait", id).code == 128 + SIGKILL)
      let status = try await host.worker("status", id, "--json")
      #expect(status.text.contains("OOM_KILLED"), "\(status)")
    }
  }

  /// Here what is refused is refused, with the reason; all else was measured, and nothing is left.
  @Test func theDoctorFindsThatWhatIsPromisedHolds() async throws {
    try await Host.with { host in
      let outcome = try await host.worker("doctor")
      #expect(outcome.code == 0 && outcome.stderr.isEmpty, "\(outcome)")
      let results = outcome.text.split(separator: "\n").map { $0.split(separator: " ") }
      #expect(results.count == 10)
      for name in ["start", "output", "isolation", "timeout", "cpu", "memory", "pids", "stop"] {
        #expect(results.contains { $0[0] == name && $0[1] == "holds" }, "\(name): \(outcome)")
      }
      #expect(try await host.worker("list", "--all", "--json").text == "[]\n")
    }
  }

  @Test func aForkBombStopsAtItsLimitAndTheHostLives() async throws {
    try await Host.with { host in
      let id = try await host.startJob([
        "--pids", "64", "--", "sh", "-c", ":(){ :|:& };:; sleep 1000",
      ])
      #expect(try await host.worker("run", "--", "echo", "alive").text == "alive\n")
      let status = try await host.worker("status", id, "--json")
      #expect(status.text.contains("\"pids\""), "\(status)")
      #expect(try await host.worker("stop", id, "--grace", "0s").code == 0)
      #expect(Cgroups.of(job: id).isEmpty)
    }
  }

  @Test func aBusyLoopGetsItsShareOfTheProcessorAndNoMore() async throws {
    try await Host.with { host in
      // The kernel's own account against the wall clock of the job itself; a loaded machine can
      // only lower the share.
      let outcome = try await host.worker(
        "run", "--cpu", "0.25", "--timeout", "3s", "--name", "busy", "--", "sh", "-c",
        "while :; do :; done")
      #expect(outcome.code == 124, "\(outcome)")
      let status = try await host.worker("status", "busy", "--json")
      let used = try #require(Self.seconds(status.text, after: "\"cpuTime\""), "\(status)")
      #expect(used < 3 * 0.25 * 1.35, "\(used) s of 3 s")
      #expect(status.text.contains("\"cpuThrottledTime\""))
    }
  }

  @Test func nonsenseLimitsAreRefusedWithTheValue() async throws {
    try await Host.with { host in
      for (flag, value) in [("--memory", "1"), ("--cpu", "0.0001"), ("--pids", "1")] {
        let outcome = try await host.worker("run", flag, value, "--", "true")
        #expect(outcome.code == 125 || outcome.code == 2, "\(outcome)")
        #expect(outcome.stderr.contains(value), "\(flag) \(value): \(outcome)")
      }
    }
  }

  private static func seconds(_ json: String, after key: String) -> Double? {
    guard let start = json.range(of: key) else { return nil }
    let rest = json[start.upperBound...].drop { !$0.isNumber }
    return Double(rest.prefix { $0.isNumber || $0 == "." })
  }
}

extension String {
  fileprivate func range(of text: String) -> Range<Index>? {
    var start = self.startIndex
    while start < self.endIndex {
      if self[start...].hasPrefix(text) { return start..<self.index(start, offsetBy: text.count) }
      start = self.index(after: start)
    }
    return nil
  }
}
