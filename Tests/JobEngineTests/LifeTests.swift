import JobEngine
import Testing

@Suite(.requiresRoot) struct LifeTests {
  @Test func outputAndExitCodeComeBack() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo out; echo err >&2; exit 7"), owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      let status = try await worker.wait(job.id)
      #expect(output.text == "out\n")
      #expect(output.errorText == "err\n")
      #expect(output.end?.complete == true)
      #expect(output.end?.stdoutBytes == 4)
      #expect(status.verdict?.reason == .exited)
      #expect(status.verdict?.code == 7)
      #expect(status.outputBytes == 8)
      #expect(status.startTime != nil)
      #expect(status.endTime != nil)
    }
  }
}
