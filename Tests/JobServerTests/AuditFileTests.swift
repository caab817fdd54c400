import Glibc
import JobServer
import Linux
import TestSupport
import Testing

/// The file itself: what shows when somebody changes it, and how it goes on.
@Suite struct AuditFileTests {
  private let folder: TemporaryDirectory
  private let path: String

  init() throws {
    self.folder = try TemporaryDirectory()
    self.path = self.folder.path("audit.log")
  }

  private static func entry(_ reason: String) -> AuditEntry {
    var entry = AuditEntry(.decision)
    entry.reason = reason
    return entry
  }

  private func fill(_ reasons: [String]) async throws {
    let log = try AuditLog(self.path)
    for reason in reasons { #expect(await log.record(Self.entry(reason)) == nil) }
    await log.release()
  }

  private func lines(_ path: String? = nil) throws -> [String] {
    try File.readText(path ?? self.path).split(separator: "\n").map(String.init)
  }

  private func verify(_ paths: [String]? = nil) throws(AuditCheck.Broken) -> AuditCheck {
    var check = AuditCheck()
    for path in paths ?? [self.path] { try check.read(path) }
    return check
  }

  private func rewrite(_ lines: [String]) throws {
    try self.folder.write("audit.log", lines.map { $0 + "\n" }.joined())
  }

  @Test func whatWasWrittenIsIntact() async throws {
    try await self.fill([
      "one", "two \"quoted\" \u{2028} \n line", String(repeating: "é", count: 9000),
    ])
    let check = try self.verify()
    #expect(check.lines == 4 && check.first == AuditChain.nothing)
    #expect(try self.lines().count == 4)
    var status = stat()
    #expect(stat(self.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test(arguments: ["change", "remove", "swap", "repeat", "first", "rehash"])
  func whatWasDoneToItShows(_ deed: String) async throws {
    try await self.fill(["one", "two", "three"])
    var lines = try self.lines()
    switch deed {
    case "change": lines[2] = lines[2].replacing("two", with: "TWO")
    case "remove": lines.remove(at: 2)
    case "swap": lines.swapAt(1, 2)
    case "repeat": lines.insert(lines[1], at: 1)
    case "first": lines[0] = lines[0].replacing("opened", with: "closed")
    default:
      // A line of one's own with a right hash of its own does not fit the next.
      let other = try TemporaryDirectory()
      let log = try AuditLog(other.path("x"))
      _ = await log.record(Self.entry("one"))
      _ = await log.record(Self.entry("forged"))
      lines[2] = try self.lines(other.path("x"))[2]
    }
    try self.rewrite(lines)
    let broken = #expect(throws: AuditCheck.Broken.self) { try self.verify() }
    #expect(broken?.description.hasPrefix("\(self.path):") == true)
  }

  @Test func whatIsMissingAtTheEndShowsAgainstAHash() async throws {
    try await self.fill(["one", "two"])
    let last = try self.verify().last
    try self.rewrite(try self.lines().dropLast())
    let check = try self.verify()
    #expect(throws: AuditCheck.Broken.self) { try check.expect(after: nil, last: last) }
  }

  /// What no chain without a key can show by itself: it was made anew, whole.
  @Test(arguments: ["anew", "cut", "whole"]) func anAnchorTellsWhatBecameOfALine(
    _ deed: String
  ) async throws {
    try await self.fill(["one", "two"])
    let kept = try self.verify().anchor
    try await self.fill(["three"])
    switch deed {
    case "anew":
      #expect(unlink(self.path) == 0)
      try await self.fill(["one", "forged", "three", "four"])
    case "cut": try self.rewrite(Array(try self.lines().prefix(2)))
    default: break
    }
    _ = try self.verify()
    let anchor = try #require(AuditAnchor(kept))
    var check = AuditCheck(expecting: [anchor])
    var found = "whole"
    do {
      try check.read(self.path)
      try check.expectAnchors()
    } catch {
      found = error.description
    }
    let told = ["anew": "the file was made anew", "cut": "line 3 is not there", "whole": "whole"]
    #expect(found.contains(told[deed] ?? "-"), "\(found)")
  }

  @Test(arguments: [
    "", "1", "0:\(AuditChain.nothing)", "1:abc", "x:\(AuditChain.nothing)", "1:2:3",
  ])
  func otherTextsAreNoAnchors(_ text: String) { #expect(AuditAnchor(text) == nil) }

  @Test func aDurableLineIsWrittenAsTheOthers() async throws {
    let log = try AuditLog(self.path)
    #expect(await log.record(Self.entry("one"), isDurable: true) == nil)
    #expect(try self.verify().lines == 2 && log.problem == nil)
  }

  @Test func aRestartGoesOnWithTheChain() async throws {
    try await self.fill(["one"])
    try await self.fill(["two"])
    #expect(try self.verify().lines == 4)
  }

  @Test func aLineThatWasCutShortIsCutOff() async throws {
    try await self.fill(["one", "two"])
    let text = try File.readText(self.path)
    try self.folder.write("audit.log", String(text.dropLast(20)))
    #expect(throws: AuditCheck.Broken.self) { try self.verify() }
    try await self.fill([])
    #expect(try self.verify().lines == 3)
    #expect(try self.lines().last?.contains("an unfinished line of") == true)
  }

  @Test func whatIsNoAuditFileIsNotWrittenTo() throws {
    try self.folder.write("audit.log", "hello\nworld\n")
    let problem = #expect(throws: AuditProblem.self) { try AuditLog(self.path) }
    #expect(problem?.description.contains("move the file away") == true)
    #expect(try File.readText(self.path) == "hello\nworld\n")
    let full = #expect(throws: AuditProblem.self) { try AuditLog("/dev/full") }
    #expect(full?.description.contains("No space left on device") == true)
  }

  /// As one that was made beforehand, or by touch(1).
  @Test func aFileThatOthersCanUseIsClosedToThem() throws {
    try self.folder.write("audit.log", mode: 0o666)
    #expect(chmod(self.path, 0o666) == 0)
    let log = try AuditLog(self.path)
    var status = stat()
    #expect(stat(self.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    withExtendedLifetime(log) {}
  }

  @Test(.requiresRoot) func aFileOfSomebodyElsesThatOthersCanUseIsRefused() throws {
    try self.folder.write("audit.log")
    #expect(chown(self.path, 65534, 65534) == 0 && chmod(self.path, 0o644) == 0)
    let problem = #expect(throws: AuditProblem.self) { try AuditLog(self.path) }
    #expect(problem?.description.contains("has mode 0644 and another owner") == true)
    #expect(try File.readText(self.path) == "")
  }

  @Test func twoServersCannotShareOne() throws {
    let log = try AuditLog(self.path)
    let problem = #expect(throws: AuditProblem.self) { try AuditLog(self.path) }
    #expect(problem?.description.contains("another server writes to it") == true)
    withExtendedLifetime(log) {}
  }

  @Test func aRenamedFileIsContinuedInANewOne() async throws {
    let log = try AuditLog(self.path)
    _ = await log.record(Self.entry("one"))
    await log.reopen()  // nothing was renamed: nothing happens
    _ = await log.record(Self.entry("two"))
    let old = self.folder.path("audit.log.1")
    #expect(rename(self.path, old) == 0)
    _ = await log.record(Self.entry("three"))
    await log.reopen()
    _ = await log.record(Self.entry("four"))
    #expect(try self.lines(old).count == 5 && self.lines().count == 2)
    #expect(try self.verify([old, self.path]).lines == 7)
    #expect(try self.verify().first == self.verify([old]).last)
    #expect(throws: AuditCheck.Broken.self) { try self.verify([self.path, old]) }
  }

  @Test func aRotationThatFailsIsToldUntilItWorks() async throws {
    let log = try AuditLog(self.path)
    _ = await log.record(Self.entry("one"))
    let old = self.folder.path("audit.log.1")
    #expect(rename(self.path, old) == 0)
    try File.makeFolders(self.path)  // in the way
    let problem = await log.reopen()
    #expect(problem?.description.contains("still go into the renamed") == true)
    #expect(await log.record(Self.entry("two")) == nil)
    #expect(log.problem == problem)
    #expect(rmdir(self.path) == 0)
    _ = await log.record(Self.entry("three"))
    #expect(log.problem == nil)
    #expect(try self.lines(old).count == 4 && self.lines().count == 2)
    #expect(try self.verify([old, self.path]).lines == 6)
  }

  @Test(.requiresRoot) func aFullDiskIsToldAndOvercome() async throws {
    try await withSmallDisk("16k") { disk in
      let path = "\(disk)/audit.log"
      let log = try AuditLog(path)
      var problem: AuditProblem?
      var written = 0
      while problem == nil, written < 100 {
        problem = await log.record(Self.entry(String(repeating: "x", count: 900)))
        written += 1
      }
      #expect(problem?.description.contains("No space left on device") == true)
      #expect(log.problem == problem)
      // What was written before is whole, and what is written after tells of the gap.
      #expect(try self.verify([path]).lines == written)
      try Mount.mount("tmpfs", at: disk, type: "tmpfs", .remount, data: "size=64k")
      #expect(await log.record(Self.entry("again")) == nil)
      #expect(log.problem == nil)
      #expect(try self.verify([path]).lines == written + 2)
      #expect(try self.lines(path).contains { $0.contains("\"count\":1,") })
    }
  }
}
