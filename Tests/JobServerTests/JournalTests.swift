import JobEngine
import Linux
import TestSupport
import Testing

@testable import JobServer

/// What the audit file holds of jobs that came to their end where no server saw it.
@Suite struct JournalTests {
  private static let id = "aaaaaaaaaaaaaaaa"

  /// The events told of the job, by a server after one that wrote `before`.
  private func told(
    _ engine: FakeEngine, after before: [AuditEntry], _ body: (JobJournal) throws -> Void = { _ in }
  ) async throws -> [String] {
    let folder = try TemporaryDirectory()
    let path = folder.path("audit.log")
    let first = try AuditLog(path)
    for entry in before { #expect(await first.record(entry) == nil) }
    await first.release()
    let size = try File.readText(path).utf8.count
    let log = try AuditLog(path)
    let journal = JobJournal(log: .silent, audit: log)
    try body(journal)
    journal.finish()
    await journal.follow(engine)
    #expect(await log.record(AuditEntry(.closed)) == nil)
    return try File.readText(path).utf8.dropFirst(size).split(separator: UInt8(ascii: "\n"))
      .map { String(decoding: $0, as: UTF8.self) }
      .filter { $0.contains("\"job\":\"\(Self.id)\"") }
      .map { $0.contains("\"event\":\"started\"") ? "started" : "ended" }
  }

  private func finished(at time: Int64, created: Int64) -> FakeEngine {
    var status = job(Self.id, owner: "alice", state: .finished)
    status.createTime = created
    status.endTime = time
    return FakeEngine([status])
  }

  @Test func anEndInTheMomentsOfAShutdownIsToldByTheNextServer() async throws {
    let now = Clock.wall()
    let engine = self.finished(at: now - 1_000_000_000, created: now - 2_000_000_000)
    #expect(try await self.told(engine, after: [AuditEntry(.closed)]) == ["ended"])
  }

  @Test func anEndThatWasToldIsNotToldAgain() async throws {
    var entry = AuditEntry(.ended)
    entry.job = Self.id
    let now = Clock.wall()
    let engine = self.finished(at: now - 1_000_000_000, created: now - 2_000_000_000)
    #expect(try await self.told(engine, after: [entry, AuditEntry(.closed)]) == [])
  }

  @Test func aStartAfterTheLastLineIsTold() async throws {
    let later = Clock.wall() + 3_600_000_000_000
    let engine = self.finished(at: later, created: later)
    #expect(try await self.told(engine, after: []) == ["started", "ended"])
  }

  @Test func aJobThatIsGoneBeforeItsEndWasSeenHasEnded() async throws {
    let status = job(Self.id, owner: "alice")
    let caller = try Caller(
      peer("alice", roles: ["user"]), trustDomain: "worker.local", policy: .builtIn)
    let told = try await self.told(FakeEngine(), after: []) {
      $0.started(status, by: caller, spec: "digest")
    }
    #expect(told == ["started", "ended"])
  }
}
