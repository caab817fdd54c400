import Glibc
import Linux
import Testing

@testable import worker

@Suite struct OutputWriterTests {
  /// As where the host allows no more threads.
  @Test(.timeLimit(.minutes(1))) func aThreadThatCannotBeHadIsToldAndNotWaitedFor() async throws {
    let writer = OutputWriter {
      () throws(SystemError) in throw SystemError(call: "pthread_create", errno: EAGAIN)
    }
    for _ in 0..<2 {
      let failure = await #expect(throws: Failure.self) {
        try await writer.write([1], to: .stdout)
      }
      #expect(failure?.code == ExitCode.failed)
      #expect(failure?.description.hasPrefix("cannot write the output: no thread") == true)
    }
    try await writer.finish()  // nothing was taken over
  }
}
