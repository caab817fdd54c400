import Glibc
import JobStore
import Linux
import Testing

/// Where views begin, against the plain way: all of it in memory.
@Suite struct JournalSearchTests {
  private static let jobID = "00112233445566aa"
  private static let newline = UInt8(ascii: "\n")

  struct Piece: Hashable {
    var stream: JournalStream
    var text: String
  }

  /// Some texts with many, few and no newlines, over several segments.
  private static let journals: [[Piece]] = [
    [],
    [Piece(stream: .stdout, text: "a\nb\nc\n")],
    [Piece(stream: .stdout, text: "a\nb\nc")],
    ["a\nb", "b\nc", "c\n"].map { Piece(stream: .stdout, text: $0) },
    ["a", "b", "c"].map { Piece(stream: .stdout, text: $0) },
    (0..<40).map { Piece(stream: $0 % 3 == 0 ? .stderr : .stdout, text: "line \($0)\n") },
    (0..<40).map { Piece(stream: $0 < 3 ? .stderr : .stdout, text: $0 % 7 == 0 ? "x\n\n" : "y") },
    [Piece(stream: .stderr, text: "e\n")]
      + (0..<30).map { _ in Piece(stream: .stdout, text: "no newline ") },
  ]

  @Test(arguments: journals)
  func theLastLinesAreFoundWithoutReadingAll(pieces: [Piece]) throws {
    let both = Set(JournalStream.allCases)
    for streams in [both, [.stdout], [.stderr]] {
      for count in [0, 1, 2, 3, 7, 39, 40, 41, 1000, .max] {
        try withFolder { folder in
          try Self.write(pieces, in: folder)
          let place = try Self.find(.lines(count, streams), in: folder)
          let shown = try Self.bytes(from: place, streams, in: folder)
          let whole = pieces.filter { streams.contains($0.stream) }.flatMap { Array($0.text.utf8) }
          #expect(shown == Self.lastLines(count, of: whole), "\(count) of \(streams)")
        }
      }
    }
  }

  @Test func aTimeIsFoundByTheHeaders() throws {
    try withFolder { folder in
      let pieces = (0..<50).map { Piece(stream: .stdout, text: "line \($0)\n") }
      try Self.write(pieces, in: folder)
      let records = try Self.records(nil, in: folder)
      for (index, record) in records.enumerated() {
        let place = try Self.find(.since(record.wallTime), in: folder)
        let shown = try Self.records(place.position == 0 ? nil : place.position, in: folder)
        let first = records.firstIndex { $0.wallTime >= record.wallTime } ?? index
        #expect(shown == Array(records[first...]))
      }
      let later = (records.last?.wallTime ?? 0) + 1
      #expect(try Self.find(.since(later), in: folder).position == records.last?.end)
      #expect(try Self.find(.since(0), in: folder) == .start)
    }
  }

  @Test(arguments: journals)
  func totalsAreThoseOfTheLastRecords(pieces: [Piece]) throws {
    try withFolder { folder in
      try Self.write(pieces, in: folder)
      var stdout: UInt64 = 0
      var stderr: UInt64 = 0
      for record in try Self.records(nil, in: folder) {
        switch record.stream {
        case .stdout: stdout += UInt64(record.bytes.count)
        case .stderr: stderr += UInt64(record.bytes.count)
        }
        let counts = try JournalReader(
          folder: try folder.duplicate(), jobID: Self.jobID, position: record.end
        ).counts()
        #expect(counts.stdout == stdout && counts.stderr == stderr)
      }
      let all = try StreamCounts.ofJournal(in: folder, jobID: Self.jobID)
      #expect(all.stdout == stdout && all.stderr == stderr)
    }
  }

  @Test func aTornTailIsNoLineAndNoByte() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first\n".utf8), stream: .stdout)
      let whole = writer.end
      try writer.append(Array("second\n".utf8), stream: .stdout)
      for cut in whole..<writer.end {
        let segment = try File.open("output.0000000000000000", in: folder, O_RDWR)
        try File.truncate(segment, to: Int64(cut))
        #expect(try StreamCounts.ofJournal(in: folder, jobID: Self.jobID).stdout == 6)
        let place = try Self.find(.lines(1, [.stdout]), in: folder)
        #expect(try Self.bytes(from: place, [.stdout], in: folder) == Array("first\n".utf8))
      }
    }
  }

  // MARK: The plain way

  private static func lastLines(_ count: Int, of bytes: [UInt8]) -> [UInt8] {
    var lines: [[UInt8]] = []
    var line: [UInt8] = []
    for byte in bytes {
      line.append(byte)
      if byte == Self.newline {
        lines.append(line)
        line = []
      }
    }
    if !line.isEmpty { lines.append(line) }
    return Array(lines.suffix(count).joined())
  }

  private static func write(_ pieces: [Piece], in folder: borrowing OwnedDescriptor) throws {
    var writer = try JournalWriter(
      folder: try folder.duplicate(), jobID: self.jobID, segmentSize: 300)
    for piece in pieces { try writer.append(Array(piece.text.utf8), stream: piece.stream) }
  }

  private static func find(
    _ wanted: JournalSearch.Wanted, in folder: borrowing OwnedDescriptor
  ) throws -> JournalPlace {
    var search = JournalSearch(wanted)
    while true {
      let step = try search.step(in: folder, jobID: self.jobID)
      if case .found(let place) = step { return place }
    }
  }

  private static func records(
    _ position: UInt64?, in folder: borrowing OwnedDescriptor
  ) throws -> [JournalRecord] {
    var reader = try JournalReader(
      folder: try folder.duplicate(), jobID: self.jobID, position: position)
    var records: [JournalRecord] = []
    while case .record(let record) = try reader.next(waiting: true) { records.append(record) }
    return records
  }

  private static func bytes(
    from place: JournalPlace, _ streams: Set<JournalStream>, in folder: borrowing OwnedDescriptor
  ) throws -> [UInt8] {
    var records = try self.records(place == .start ? nil : place.position, in: folder)
    if place.skip > 0 { records[0].bytes.removeFirst(place.skip) }
    return records.filter { streams.contains($0.stream) }.flatMap(\.bytes)
  }
}
