import JobEngine
import Testing

/// The example in the documentation of `Worker`, as a user of the library would write it.
@Suite(.requiresRoot) struct ExampleTests {
  @Test func exampleOfTheDocumentationRuns() async throws {
    let folder = try TemporaryFolder()
    var configuration = WorkerConfiguration(stateDirectory: "\(folder.path)/state")
    configuration.program = workerProgram  // the program that offers `JobInit`; its own by default
    let worker = try await Worker.open(configuration)
    try await worker.prepare()

    var spec = JobSpec(command: ["sh", "-c", "echo hello; echo oops >&2; exit 7"])
    spec.name = "example"
    spec.limits.cpu = 0.5
    spec.limits.memory = 64 << 20
    let job = try await worker.start(spec, owner: "alice")

    var cursor: Cursor?
    for try await event in try worker.output(of: job.id) {
      switch event {
      case .start: break  // only with a view, as of the last lines
      case .chunk(let chunk):
        print(chunk.stream, String(decoding: chunk.bytes, as: UTF8.self))
        cursor = chunk.cursor  // worker.output(of: job.id, from: cursor) would go on here
      case .gap(let gap):
        print("bytes up to", gap.to, "are not kept:", gap.reason)
      case .end(let end):
        print("complete:", end.complete, "stdout:", end.stdoutBytes, "stderr:", end.stderrBytes)
      }
    }

    let ended = try await worker.wait(job.id)
    print(ended.verdict?.message ?? "", ended.usage.cpuTime, ended.applied["memory"]?.value ?? "")
    try await worker.remove(job.id)
    await worker.close()

    #expect(cursor != nil)
    #expect(ended.verdict?.code == 7)
  }
}
