import Glibc
import JobEngine
import Testing

@Suite(.requiresRoot) struct OutputQuotaTests {
  private static func spec(
    _ script: String, quota: Int64?, _ whenFull: JobSpec.WhenOutputFull = .dropOldest
  ) -> JobSpec {
    var spec = shell(script)
    spec.outputQuota = quota
    spec.whenOutputFull = whenFull
    return spec
  }

  @Test func aLateReaderIsToldWhatIsNotKept() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        Self.spec("seq 1 1000000", quota: 1 << 20), owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .exited)
      let all = try await collect(worker.output(of: job.id))
      let gap = try #require(all.gaps.first)
      #expect(all.gaps.count == 1 && gap.from == 0 && gap.reason == .quota)
      #expect(all.end?.complete == true)
      #expect(all.end?.stdoutBytes == 6_888_896)
      #expect(gap.to + UInt64(all.stdout.count) == 6_888_896)
      #expect(all.text.hasSuffix("\n1000000\n"))
      // Behind the gap it goes on as behind any other place.
      let rest = try await collect(worker.output(of: job.id, from: gap.cursor))
      #expect(rest.stdout == all.stdout && rest.gaps == [])
    }
  }

  @Test func theVerdictNamesTheQuota() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        Self.spec("seq 1 1000000; sleep 1000", quota: 1 << 20, .stop), owner: "alice")
      let verdict = try #require(try await worker.wait(job.id).verdict)
      #expect(verdict.reason == .stopped)
      #expect(verdict.message == "stopped as its output reached the quota of 1048576 bytes")
    }
  }

  @Test func tooMuchAndTooLittleAreRefusedAndTheDefaultIsTheServers() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.defaultOutputQuota = 8 << 20
    configuration.maxOutputQuota = 4 << 20
    let worker = try await Worker.open(configuration)
    for quota in [0, 1000, (4 << 20) + 1] as [Int64] {
      await #expect {
        try await worker.start(Self.spec("true", quota: quota), owner: "a")
      } throws: {
        let error = $0 as? WorkerError
        return error?.code == .invalidArgument && error?.message.contains("\(quota)") == true
      }
    }
    let job = try await worker.start(Self.spec("true", quota: nil), owner: "a")
    #expect(job.spec.outputQuota == 4 << 20)
    _ = try await worker.wait(job.id)
    var bounded = Self.spec("true", quota: nil)
    bounded.outputQuotaBound = 1 << 20
    let small = try await worker.start(bounded, owner: "a", requestID: "once")
    #expect(small.spec.outputQuota == 1 << 20)
    #expect(try await worker.start(bounded, owner: "a", requestID: "once").id == small.id)
    _ = try await worker.wait(small.id)
    await worker.close()
  }
}
