import Glibc
import Linux
import Testing

@Suite struct KernelTests {
  @Test func onlyNamesInTheFileSystemAreSockets() {
    let names = NamedSockets.parse(
      """
      Num       RefCount Protocol Flags    Type St Inode Path
      ffff8881: 00000002 00000000 00010000 0001 01 18482 /run/a b.sock
      ffff8882: 00000002 00000000 00010000 0001 01 18483 @abstract
      ffff8883: 00000003 00000000 00000000 0001 03 18484
      ffff8884: 00000002 00000000 00010000 0001 01 18485 relative/x
      """)
    #expect(names == ["/run/a b.sock"])
  }

  @Test func anErrorNamesTheCallItsObjectAndTheReason() {
    #expect(throws: SystemError(call: "open(/no/such)", errno: ENOENT)) {
      _ = try File.open("/no/such", O_RDONLY)
    }
    let error = SystemError(call: "open(/no/such)", errno: ENOENT)
    #expect(error.description == "open(/no/such): No such file or directory")
    #expect(SystemError.name(errno: EBUSY) == "EBUSY")
  }

  @Test(arguments: [("TERM", 15), ("sigterm", 15), ("SIGKILL", 9), ("1", 1), ("USR1", 10)])
  func aSignalIsKnownByNameAndByNumber(text: String, number: Int32) {
    #expect(Signal(text)?.number == number)
  }

  @Test(arguments: ["", "0", "65", "-1", "SIGNOTHING", "99999999999"])
  func whatIsNoSignalIsRefused(text: String) {
    #expect(Signal(text) == nil)
  }

  @Test func crc32cAgreesWithTheRFC() {
    // RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and 0 to 31.
    #expect(Checksum.crc32c([UInt8](repeating: 0, count: 32), 0..<32) == 0x8A91_36AA)
    #expect(Checksum.crc32c([UInt8](repeating: 0xff, count: 32), 0..<32) == 0x62A8_AB43)
    let count = [UInt8](0..<32)
    #expect(Checksum.crc32c(count, 0..<32) == 0x46DD_794E)
    #expect(Checksum.crc32c(count, 13..<32, after: Checksum.crc32c(count, 0..<13)) == 0x46DD_794E)
  }

  @Test func aProcessIsNeverTakenForAnother() throws {
    let own = try ProcessIdentity.current
    #expect(own.pid == getpid())
    #expect(try ProcessIdentity(of: own.pid) == own)
    #expect(throws: SystemError.self) { _ = try ProcessIdentity(of: 0x3fff_ffff) }
  }

  @Test func aTreeOfAnyShapeIsRemoved() throws {
    try withFolder { folder, path in
      let chain = repeatElement("d", count: 300).joined(separator: "/")
      try File.makeFolders("\(path)/tree/\(chain)")
      for index in 0..<3000 { try File.makeFolders("\(path)/tree/wide/\(index)/in/side") }
      #expect(throws: SystemError.self) { try Folder.removeTree("tree", in: folder) { false } }
      try Folder.removeTree("tree", in: folder)
      #expect(try Folder.names(in: folder) == [])
    }
  }

  @Test func aTreeIsRemovedWithoutFollowingLinks() throws {
    try withFolder { folder, path in
      try File.makeFolders("\(path)/tree/a/b")
      try File.makeFolders("\(path)/kept")
      try File.replace("file", in: try File.openFolder("\(path)/kept"), with: [1], durable: false)
      symlink("\(path)/kept", "\(path)/tree/a/link")
      try Folder.removeTree("tree", in: folder)
      #expect(try Folder.names(in: folder) == ["kept"])
      #expect(try Folder.names(in: try File.openFolder("\(path)/kept")) == ["file"])
      try Folder.removeTree("tree", in: folder)  // nothing there is fine
    }
  }

  @Test func aRemovalThatWasToldToStopIsFinishedByTheNext() throws {
    try withFolder { folder, path in
      try File.makeFolders("\(path)/tree/a/b")
      try File.makeFolders("\(path)/tree/c")
      var entries = 0
      #expect(throws: SystemError(call: "remove", errno: ECANCELED)) {
        try Folder.removeTree("tree", in: folder) {
          entries += 1
          return entries < 2
        }
      }
      for name in try Folder.names(in: folder) {
        #expect(name == "tree" || name.hasPrefix(Folder.removingPrefix))
        try Folder.removeTree(name, in: folder)
      }
      #expect(try Folder.names(in: folder).isEmpty)
    }
  }

  @Test func aTreeDeeperThanTheUsualNumberOfDescriptorsIsRemoved() throws {
    try withFolder { folder, _ in
      var inner = try folder.duplicate()
      for _ in 0..<1200 {
        try File.makeFolder("d", in: inner)
        try File.replace("file", in: inner, with: [1], durable: false)
        inner = try File.open("d", in: inner, O_RDONLY | O_DIRECTORY)
      }
      try Folder.removeTree("d", in: folder)
      #expect(try Folder.names(in: folder) == ["file"])
    }
  }

  @Test func whatLiesInMemoryIsToldFromWhatLiesOnADisk() {
    #expect(FileSystem.isInMemory("/dev/shm"))
    #expect(!FileSystem.isInMemory("/proc") && !FileSystem.isInMemory("/no/such"))
  }

  @Test func aFileIsReplacedWhole() throws {
    try withFolder { folder, _ in
      try File.replace("name", in: folder, with: Array("one".utf8))
      try File.replace("name", in: folder, with: Array("two".utf8))
      #expect(try File.read("name", in: folder) == Array("two".utf8))
      #expect(try Folder.names(in: folder) == ["name"])
    }
  }

  @Test func aLockIsHeldByOneOpenFileAtATime() throws {
    try withFolder { folder, _ in
      let first = try File.open("lock", in: folder, O_RDWR | O_CREAT)
      let second = try File.open("lock", in: folder, O_RDWR)
      #expect(try File.tryLock(first))
      #expect(try !File.tryLock(second))
    }
  }

  @Test func aWriteInAWatchedFolderIsAnEvent() throws {
    try withFolder { folder, path in
      let inotify = try Inotify()
      let watch = try inotify.watch(path)
      #expect(inotify.read().isEmpty)
      try File.replace("name", in: folder, with: [1], durable: false)
      #expect(inotify.read() == [.changed(watch: watch)])
      inotify.unwatch(watch)
      #expect(inotify.read() == [.ended(watch: watch)])
    }
  }

  @Test func whatBlocksRunsOnAThreadOfOurs() async {
    let threads = BlockingThreads(name: "test-blocking", count: 2)
    let name = await threads.run { () -> String in
      (try? File.readText("/proc/thread-self/comm")) ?? ""
    }
    #expect(name.hasPrefix("test-blocking"))
  }

  private func withFolder(_ body: (borrowing OwnedDescriptor, String) throws -> Void) throws {
    let name = "worker-linux-\(Random.bytes(8).map { String($0) }.joined())"
    let parent = try File.openFolder("/tmp")
    try File.makeFolder(name, in: parent)
    defer { try? Folder.removeTree(name, in: parent) }
    try body(try File.openFolder("/tmp/\(name)"), "/tmp/\(name)")
  }
}
