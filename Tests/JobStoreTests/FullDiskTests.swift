import CLinux
import Glibc
import JobStore
import Linux
import Testing

/// A disk of one mebibyte that is really full.
@Suite(.enabled(if: getuid() == 0, "needs root: a file system is mounted"))
struct FullDiskTests {
  private static let jobID = JournalTests.jobID
  private static let segment: UInt64 = 256 << 10

  private static func withDisk(
    _ body: (borrowing OwnedDescriptor, _ path: String) throws -> Void
  ) throws {
    let path = "/tmp/worker-full-\(getpid())-\(Random.bytes(8).map { String($0) }.joined())"
    try File.makeFolders(path)
    defer { rmdir(path) }
    try check("mount") { mount("tmpfs", path, "tmpfs", 0, "size=1m") }
    defer { umount2(path, CInt(MNT_DETACH)) }
    try body(try File.openFolder(path), path)
  }

  private static func copy(
    _ chunks: Int, into writer: inout JournalWriter
  ) throws -> [JournalCopy] {
    let pipe = try Pipe()
    try pipe.readEnd.setNonBlocking()
    var results: [JournalCopy] = []
    for index in 0..<chunks {
      try File.writeAll([UInt8](repeating: UInt8(index), count: 32 << 10), to: pipe.writeEnd)
      results.append(try writer.copy(from: pipe.readEnd, stream: .stdout))
      if results.last == .full { break }
    }
    return results
  }

  /// Takes what is left of the disk.
  private static func fill(_ folder: borrowing OwnedDescriptor) throws {
    let file = try File.open("ballast", in: folder, O_WRONLY | O_CREAT)
    let page = [UInt8](repeating: 1, count: 4096)
    do throws(SystemError) { while true { try File.writeAll(page, to: file) } } catch {
      #expect(error.errno == ENOSPC)
    }
  }

  @Test func theJobGoesOnAndTheGapIsRecordedOnceThereIsRoom() throws {
    try Self.withDisk { folder, path in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 64 << 20)
      #expect(try Self.copy(4, into: &writer).allSatisfy { $0 == .bytes(32 << 10) })
      try Self.fill(folder)
      #expect(try Self.copy(8, into: &writer).allSatisfy { $0 == .bytes(32 << 10) })
      #expect(writer.untold?.reason == .disk(errno: ENOSPC))
      unlink("\(path)/ballast")
      #expect(try Self.copy(2, into: &writer).allSatisfy { $0 == .bytes(32 << 10) })
      #expect(writer.untold == nil)
      let (gaps, records) = try JournalContent.read(folder, jobID: Self.jobID)
      #expect(!gaps.isEmpty && gaps.allSatisfy { $0.reason == .disk(errno: ENOSPC) })
      let kept = records.reduce(0) { $0 + UInt64($1.bytes.count) }
      let missing = gaps.reduce(0) { $0 + $1.to - ($1.from ?? 0) }
      #expect(kept + missing == writer.bytes(of: .stdout))
    }
  }

  @Test func olderSegmentsMakeRoomFirst() throws {
    try Self.withDisk { folder, _ in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: Self.segment)
      #expect(try Self.copy(100, into: &writer).allSatisfy { $0 == .bytes(32 << 10) })
      let (gaps, records) = try JournalContent.read(folder, jobID: Self.jobID)
      #expect(gaps.map(\.from) == [0])
      #expect(records.last?.bytes.first == 99)
      #expect(writer.untold == nil)
    }
  }

  @Test func aJobThatIsToWaitLosesNothing() throws {
    try Self.withDisk { folder, path in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: Self.segment,
        quota: JournalQuota(whenFull: .block))
      try Self.fill(folder)
      #expect(try Self.copy(4, into: &writer).last == .full)
      let isHolding = writer.isHolding
      #expect(isHolding)
      let stillFull = writer.writeHeld()
      #expect(!stillFull)
      unlink("\(path)/ballast")
      let written = writer.writeHeld()
      #expect(written)
      let (gaps, records) = try JournalContent.read(folder, jobID: Self.jobID)
      #expect(gaps == [])
      #expect(records.reduce(0) { $0 + UInt64($1.bytes.count) } == writer.bytes(of: .stdout))
    }
  }

  @Test func aJobThatIsToStopIsToldTheErrno() throws {
    try Self.withDisk { folder, _ in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: Self.segment,
        quota: JournalQuota(whenFull: .stop))
      try Self.fill(folder)
      #expect { try Self.copy(4, into: &writer) } throws: { error in
        guard case .journal(let cause)? = error as? JournalCopyError else { return false }
        return cause.errno == ENOSPC
      }
    }
  }

  /// The next segment finds no room for its header, then a small record finds some in the one before.
  @Test func aSegmentThatCouldNotBeginHidesNothing() throws {
    try Self.withDisk { folder, path in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 100 << 10)
      _ = try Self.copy(3, into: &writer)
      try Self.fill(folder)
      let middle = writer.end
      _ = try Self.copy(1, into: &writer)
      #expect(writer.end == middle && writer.untold != nil)
      try writer.append([7], stream: .stdout)
      #expect(writer.end > middle)
      unlink("\(path)/ballast")
      _ = try Self.copy(2, into: &writer)
      var reader = try JournalReader(
        folder: try folder.duplicate(), jobID: Self.jobID, position: middle)
      guard case .gap(let gap) = try reader.next(waiting: true) else {
        Issue.record("no gap first")
        return
      }
      #expect(gap.from == 96 << 10 && gap.to == 128 << 10)
      guard case .record(let record) = try reader.next(waiting: true) else {
        Issue.record("no record then")
        return
      }
      #expect(record.bytes == [7])
      let (_, records) = try JournalContent.read(folder, jobID: Self.jobID)
      #expect(records.count == 6)
      let segments = try Folder.names(in: folder).count
      #expect(segments == 2)
    }
  }
}
