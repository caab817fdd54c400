import Glibc
import JobStore
import Linux
import Testing

@Suite struct QuotaTests {
  private static let jobID = JournalTests.jobID

  /// A pipe's worth of output through a writer, and what became of it.
  private struct Source: ~Copyable {
    fileprivate let pipe: Pipe

    static func make() throws -> Source {
      let source = Source(pipe: try Pipe())
      try source.pipe.readEnd.setNonBlocking()
      return source
    }

    func copy(
      _ count: Int, of byte: UInt8, into writer: inout JournalWriter,
      as stream: JournalStream = .stdout
    ) throws -> JournalCopy {
      try File.writeAll([UInt8](repeating: byte, count: count), to: self.pipe.writeEnd)
      return try writer.copy(from: self.pipe.readEnd, stream: stream)
    }

    func copyMore(into writer: inout JournalWriter) throws -> JournalCopy {
      try writer.copy(from: self.pipe.readEnd, stream: .stdout)
    }
  }

  private static func writer(
    in folder: borrowing OwnedDescriptor, quota: UInt64, segment: UInt64,
    _ whenFull: JournalQuota.WhenFull
  ) throws -> JournalWriter {
    try JournalWriter(
      folder: try folder.duplicate(), jobID: self.jobID, segmentSize: segment,
      quota: JournalQuota(bytes: quota, whenFull: whenFull))
  }

  private static func onDisk(_ folder: borrowing OwnedDescriptor) throws -> UInt64 {
    var total: UInt64 = 0
    for name in try Folder.names(in: folder) {
      total += UInt64(try File.size(try File.open(name, in: folder, O_RDONLY)))
    }
    return total
  }

  @Test func theOldestSegmentsGoAndTheGapIsToldOf() throws {
    try withFolder { folder in
      var writer = try Self.writer(in: folder, quota: 8000, segment: 1000, .dropOldest)
      let source = try Source.make()
      for index in 0..<200 {
        #expect(
          try source.copy(
            100, of: UInt8(index), into: &writer, as: index % 5 == 0 ? .stderr : .stdout)
            == .bytes(100))
        #expect(try Self.onDisk(folder) <= 8000)
      }
      #expect(try Self.onDisk(folder) > 6500)
      let (oldest, start) = (try JournalHeaders.bases(in: folder).first, writer.start)
      #expect(oldest == start && start > 0)
      let (gaps, records) = try Self.read(folder)
      #expect(gaps.map(\.stream) == [.stdout, .stderr])
      #expect(gaps.allSatisfy { $0.from == 0 && $0.reason == .quota })
      for stream in JournalStream.allCases {
        let mine = records.filter { $0.stream == stream }
        #expect(mine.first?.offset == gaps.first { $0.stream == stream }?.to)
        #expect(mine.last.map { $0.offset + UInt64($0.bytes.count) } == writer.bytes(of: stream))
      }
      #expect(writer.bytes(of: .stdout) == 16000)
    }
  }

  @Test func aReaderThatWasBehindMeetsTheGapAndGoesOn() throws {
    try withFolder { folder in
      var writer = try Self.writer(in: folder, quota: 8000, segment: 1000, .dropOldest)
      let source = try Source.make()
      _ = try source.copy(10, of: 0, into: &writer)
      var reader = try JournalReader(folder: try folder.duplicate(), jobID: Self.jobID)
      guard case .record(let first) = try reader.next(waiting: true) else {
        Issue.record("no record"); return
      }
      for index in 1..<200 { _ = try source.copy(100, of: UInt8(index), into: &writer) }
      guard case .gap(let gap) = try reader.next(waiting: true) else {
        Issue.record("no gap"); return
      }
      #expect(gap.from == 10 && gap.to > 10000 && gap.stream == .stdout)
      guard case .record(let next) = try reader.next(waiting: true) else {
        Issue.record("no record"); return
      }
      #expect(next.offset == gap.to)
      // The same from a cursor whose place is gone: only where it began is not known then.
      let resumed = try Self.read(folder, from: first.end)
      #expect(resumed.gaps.map(\.to) == [gap.to])
      #expect(resumed.gaps.allSatisfy { $0.from == nil })
      #expect(resumed.records.first == next)
      #expect(try Self.read(folder, from: gap.end).records.first == next)
    }
  }

  /// A reading that ends at what is there says how much that was, though it is dropped meanwhile.
  @Test func countsAreKnownThoughTheirSegmentIsGone() throws {
    try withFolder { folder in
      var writer = try Self.writer(in: folder, quota: 8000, segment: 1000, .dropOldest)
      let source = try Source.make()
      for index in 0..<3 { _ = try source.copy(100, of: UInt8(index), into: &writer) }
      let place = writer.end
      var whole = try JournalReader(folder: try folder.duplicate(), jobID: Self.jobID)
      while try whole.next(waiting: true) != .end {}
      let behind = try JournalReader(
        folder: try folder.duplicate(), jobID: Self.jobID, position: place)
      #expect(try behind.counts().stdout == 300)
      for index in 1..<200 { _ = try source.copy(100, of: UInt8(index), into: &writer) }
      #expect(try whole.counts().stdout == 300)
    }
  }

  @Test func nothingIsReadFromAJobThatMustWait() throws {
    try withFolder { folder in
      var writer = try Self.writer(in: folder, quota: 8000, segment: 1000, .block)
      let source = try Source.make()
      var kept = 0
      for _ in 0..<200 {
        guard case .bytes(let count) = try source.copy(100, of: 7, into: &writer) else { break }
        kept += count
      }
      #expect(try source.copyMore(into: &writer) == .full)
      #expect(try Self.onDisk(folder) <= 8000)
      #expect(writer.bytes(of: .stdout) == UInt64(kept))
      // At the end the pipe is emptied: nothing is lost, a segment more is used at most.
      writer.startDraining()
      while case .bytes = try source.copyMore(into: &writer) {}
      writer.finish()
      #expect(writer.untold == nil)
      let (gaps, records) = try Self.read(folder)
      #expect(gaps == [])
      #expect(records.reduce(0) { $0 + $1.bytes.count } == Int(writer.bytes(of: .stdout)))
      #expect(try Self.onDisk(folder) <= 9000)
    }
  }

  @Test func whatThePipesHoldBeyondASegmentIsAGap() throws {
    try withFolder { folder in
      var writer = try Self.writer(in: folder, quota: 4000, segment: 1000, .stop)
      let source = try Source.make()
      while try source.copy(100, of: 7, into: &writer) != .full {}
      writer.startDraining()
      for _ in 0..<50 { _ = try source.copy(100, of: 8, into: &writer) }
      while case .bytes = try source.copyMore(into: &writer) {}
      writer.finish()
      let (gaps, _) = try Self.read(folder)
      #expect(gaps.map(\.to) == [writer.bytes(of: .stdout)])
      #expect(gaps.first?.reason == .quota)
      #expect(try Self.onDisk(folder) <= 5000 + 56)
    }
  }

  private static func read(
    _ folder: borrowing OwnedDescriptor, from position: UInt64? = nil
  ) throws -> (gaps: [JournalGap], records: [JournalRecord]) {
    try JournalContent.read(folder, jobID: self.jobID, from: position)
  }
}

/// A journal from a position to what is its end now.
enum JournalContent {
  static func read(
    _ folder: borrowing OwnedDescriptor, jobID: String, from position: UInt64? = nil
  ) throws -> (gaps: [JournalGap], records: [JournalRecord]) {
    var reader = try JournalReader(
      folder: try folder.duplicate(), jobID: jobID, position: position)
    var gaps: [JournalGap] = []
    var records: [JournalRecord] = []
    while true {
      switch try reader.next(waiting: true) {
      case .record(let record): records.append(record)
      case .gap(let gap): gaps.append(gap)
      case .end, .wouldBlock: return (gaps, records)
      }
    }
  }
}
