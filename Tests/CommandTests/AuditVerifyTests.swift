import ArgumentParser
import TestSupport
import Testing

@testable import worker

/// What `audit verify` exits with.
@Suite struct AuditVerifyTests {
  private func failure(_ path: String) throws -> Failure? {
    var command = try WorkerCommand.read(["audit", "verify", path])
    do {
      try command.run()
      return nil
    } catch {
      return Failure(error)
    }
  }

  @Test func aFileThatIsNotThereIsNoBrokenChain() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("audit.log")
    #expect(
      try self.failure(path) == Failure("cannot read \(path): No such file or directory", code: 125)
    )
  }

  @Test func aFolderIsNoBrokenChain() throws {
    let folder = try TemporaryDirectory()
    #expect(
      try self.failure(folder.path)
        == Failure("cannot read \(folder.path): Is a directory", code: 125))
  }

  @Test(arguments: [("", "is empty"), ("{}\n", "is no line of an audit file")])
  func aLineThatIsNotAsItWasWrittenIsTheAnswerNo(content: String, reason: String) throws {
    let folder = try TemporaryDirectory()
    try folder.write("audit.log", content)
    let failure = try #require(try self.failure(folder.path("audit.log")))
    #expect(failure.code == 1)
    #expect(failure.description.hasPrefix("broken: \(folder.path("audit.log"))"))
    #expect(failure.description.contains(reason))
  }
}
