import Glibc
import Linux
import Testing

@Suite(.endToEnd, .serialized) struct OutputTests {
  @Test func followersFromDifferentMomentsGetTheSameBytes() async throws {
    try await Host.with { host in
      let size = 32 << 20
      let id = try await host.startJob(
        [
          "--", "sh", "-c",
          "head -c \(size / 2) /dev/urandom; sleep 0.3; head -c \(size / 2) /dev/urandom",
        ])
      var followers = [try host.start(["logs", "-f", id])]
      for _ in 0..<3 {
        _ = try await host.worker("status", id)
        followers.append(try host.start(["logs", "-f", id]))
      }
      _ = try await host.worker("wait", id)
      followers.append(try host.start(["logs", id]))
      var first: [UInt8]?
      for follower in followers {
        let outcome = try await follower.wait()
        #expect(outcome.code == 0, "\(outcome.stderr)")
        #expect(outcome.stdout.count == size)
        let same = first == nil || outcome.stdout == first
        #expect(same)
        first = outcome.stdout
      }
    }
  }

  @Test func outputIsSeenWhileTheJobRuns() async throws {
    try await Host.with { host in
      let run = try host.start([
        "run", "--name", "live", "--", "sh", "-c", "echo first; sleep 1000",
      ])
      try await run.waitForOutput("first\n")
      _ = try await host.worker("stop", "live", "--grace", "0s")
      #expect(try await run.wait().code == 128 + SIGKILL)
    }
  }

  @Test func theStreamsAreToldApart() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--", "sh", "-c", "echo out; echo err >&2"])
      _ = try await host.worker("wait", id)
      let both = try await host.worker("logs", id)
      #expect(both.text == "out\n" && both.stderr == "err\n")
      #expect(try await host.worker("logs", "--stdout", id).stderr == "")
      #expect(try await host.worker("logs", "--stderr", id).text == "")
    }
  }

  @Test func aThousandSmallWritesArriveInOrder() async throws {
    try await Host.with { host in
      let outcome = try await host.worker(
        "run", "--", "sh", "-c", "i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done")
      #expect(outcome.text == (0..<1000).map { "\($0)\n" }.joined())
    }
  }
}
