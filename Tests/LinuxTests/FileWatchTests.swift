import Glibc
import Linux
import TestSupport
import Testing

/// What makes a path another file, and that nothing of it is the last that is seen.
@Suite struct FileWatchTests {
  private let folder: TemporaryDirectory

  /// `mount/file`, where `mount` leads by way of `current` to `one`; `two` is there to take its place.
  init() throws {
    self.folder = try TemporaryDirectory()
    for name in ["one", "two", "store"] { try File.makeFolder(path: self.folder.path(name)) }
    try self.write("store")
    try self.write("one")
    try self.write("two")
    try Self.link("one", self.folder.path("current"))
    try Self.link(self.folder.path("current"), self.folder.path("mount"))
  }

  private func write(_ folder: String, _ name: String = "file") throws {
    let opened = try File.openFolder(self.folder.path(folder))
    try File.replace(name, in: opened, with: Array("x".utf8), durable: false)
  }

  private static func link(_ target: String, _ path: String) throws(SystemError) {
    try check("symlink(\(path))") { symlink(target, path) }
  }

  private func move(_ old: String, _ new: String) throws(SystemError) {
    let (from, to) = (self.folder.path(old), self.folder.path(new))
    try check("rename(\(from))") { rename(from, to) }
  }

  private func withWatch(
    _ body: (FileWatch, inout AsyncStream<Void>.AsyncIterator) async throws -> Void
  ) async throws {
    let (looks, sender) = AsyncStream<Void>.makeStream()
    let path = self.folder.path("mount/file")
    let watch = try FileWatch({ [path] }, onLook: { sender.yield() })
    defer { watch.stop() }
    var told = looks.makeAsyncIterator()
    _ = await told.next()  // the first look
    try await body(watch, &told)
  }

  /// Each is told, and so is what becomes of the file afterwards.
  @Test(arguments: [
    "write", "mode", "create", "folder", "folder gone", "link", "link to another store",
  ])
  func aPathIsFollowedWhereverItLeads(_ deed: String) async throws {
    try await self.withWatch { _, told in
      var last = "one"
      switch deed {
      case "write": try self.write("one")
      case "mode": #expect(chmod(self.folder.path("one/file"), 0o640) == 0)
      case "create":
        #expect(unlink(self.folder.path("one/file")) == 0)
        _ = await told.next()
        try self.write("one")
      case "folder":
        try self.move("one", "old")
        try self.move("two", "one")
      case "folder gone":
        try self.move("one", "old")
        _ = await told.next()
        try self.move("two", "one")
      case "link":
        try Self.link("two", self.folder.path("new"))
        try self.move("new", "current")
        last = "two"
      default:
        try Self.link("../store/file", self.folder.path("new"))
        try self.move("new", "one/file")
        last = "store"
      }
      _ = await told.next()
      try self.write(last)
      _ = await told.next()
    }
  }

  /// Of what no event tells: the next look is only asked for.
  @Test func aLookCanBeAskedFor() async throws {
    try await self.withWatch { watch, told in
      watch.lookAgain()
      _ = await told.next()
    }
  }

  @Test func whyAFolderIsNotWatchedIsToldOnce() async throws {
    let (looks, sender) = AsyncStream<Void>.makeStream()
    let problems = Lock<[CInt]>([])
    let path = self.folder.path(String(repeating: "x/", count: 2100))  // beyond PATH_MAX
    let watch = try FileWatch(
      { [path] }, onProblem: { problem in problems.withLock { $0.append(problem.errno) } },
      onLook: { sender.yield() })
    defer { watch.stop() }
    var told = looks.makeAsyncIterator()
    _ = await told.next()
    watch.lookAgain()
    _ = await told.next()
    #expect(problems.withLock { $0 } == [ENAMETOOLONG])
  }
}
