import Glibc
import JobStore
import Linux
import Testing

@Suite struct JournalTests {
  static let jobID = "00112233445566aa"

  @Test func recordsComeBackInOrderAcrossSegments() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1000)
      for index in 0..<100 {
        try writer.append(
          [UInt8](repeating: UInt8(index), count: index + 1),
          stream: index % 3 == 0 ? .stderr : .stdout)
      }
      let records = try Self.readAll(folder)
      #expect(records.map(\.bytes.count) == Array(1...100))
      #expect(records.last?.end == writer.end)
      #expect(try Folder.names(in: folder).count > 5)
      for stream in JournalStream.allCases {
        var offset: UInt64 = 0
        for record in records where record.stream == stream {
          #expect(record.offset == offset)
          offset += UInt64(record.bytes.count)
        }
        #expect(offset == writer.bytes(of: stream))
      }
    }
  }

  @Test func everyRecordEndIsAPlaceToGoOnFrom() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 300)
      for index in 0..<20 { try writer.append([UInt8(index)], stream: .stdout) }
      let records = try Self.readAll(folder)
      for (index, record) in records.enumerated() {
        let rest = try Self.readAll(folder, from: record.end)
        #expect(rest == Array(records[(index + 1)...]))
      }
    }
  }

  @Test func aPlaceInsideARecordIsRefused() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      for _ in 0..<3 { try writer.append(Array("some output".utf8), stream: .stdout) }
      for position in Array(1..<56) + Array(57..<106) {
        #expect(throws: StoreError.outOfRange(position: UInt64(position))) {
          _ = try Self.readAll(folder, from: UInt64(position))
        }
      }
      #expect(throws: StoreError.self) { _ = try Self.readAll(folder, from: writer.end + 1) }
    }
  }

  /// Zeros, what looks like a record, and too little for a header: nothing of it is a place, though nothing
  /// follows yet.
  @Test func aPlaceInsideTheLastRecordIsRefusedWhateverItHolds() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("some output".utf8), stream: .stdout)
      let start = writer.end
      let record = try File.read("output.0000000000000000", in: folder)[56...]
      try writer.append(
        [UInt8](repeating: 0, count: 100) + record + [UInt8](repeating: 0, count: 50),
        stream: .stderr)
      for position in (start + 1)..<writer.end {
        #expect(throws: StoreError.outOfRange(position: position)) {
          _ = try Self.readAll(folder, from: position)
        }
      }
      #expect(try Self.readAll(folder, from: start).count == 1)
      #expect(try Self.readAll(folder, from: writer.end) == [])
    }
  }

  @Test func aPlaceBehindADamagedHeaderIsNoPlaceThatWasMadeUp() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      for index in 0..<3 { try writer.append([UInt8(index)], stream: .stdout) }
      let records = try Self.readAll(folder)
      let name = "output.0000000000000000"
      var bytes = try File.read(name, in: folder)
      bytes[Int(records[0].end) + 4] ^= 1
      try File.replace(name, in: folder, with: bytes, durable: false)
      #expect(throws: StoreError.damaged(position: records[0].end, "no record header")) {
        _ = try Self.readAll(folder, from: records[1].end)
      }
    }
  }

  /// Segments come to their end under the reader's eyes, and records are there in part.
  @Test func aJournalThatIsBeingWrittenIsNeverTakenForDamaged() throws {
    try withFolder { folder in
      _ = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 5000)
      var reader = try JournalReader(folder: try folder.duplicate(), jobID: Self.jobID)
      let path = "/proc/self/fd/\(folder.rawValue)"
      let total = 4000
      Threads.start(name: "writer") {
        guard let own = try? File.openFolder(path) else { return }
        try? Self.write(total, in: own)
        _ = try? File.open("done", in: own, O_WRONLY | O_CREAT)
      }
      var count = 0
      while true {
        let isDone = File.exists("done", in: folder)
        let next = try reader.next(waiting: true)
        if case .record = next { count += 1 }
        if next == .end, isDone { break }
      }
      #expect(count == total)
    }
  }

  private static func write(_ count: Int, in folder: borrowing OwnedDescriptor) throws {
    var writer = try JournalWriter(
      folder: try folder.duplicate(), jobID: self.jobID, segmentSize: 5000)
    for index in 0..<count {
      try writer.append([UInt8](repeating: 1, count: 1 + index % 400), stream: .stdout)
    }
  }

  @Test func aTornTailIsNotServedAndTheRestIs() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first".utf8), stream: .stdout)
      let whole = writer.end
      try writer.append(Array("second".utf8), stream: .stdout)
      for cut in whole..<writer.end {
        let segment = try File.open("output.0000000000000000", in: folder, O_RDWR)
        try File.truncate(segment, to: Int64(cut))
        #expect(try Self.readAll(folder).map(\.bytes) == [Array("first".utf8)])
      }
    }
  }

  @Test func aZeroFilledTailIsNotServed() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first".utf8), stream: .stdout)
      let segment = try File.open("output.0000000000000000", in: folder, O_RDWR)
      try File.truncate(segment, to: Int64(writer.end) + 4096)
      #expect(try Self.readAll(folder).map(\.bytes) == [Array("first".utf8)])
    }
  }

  @Test func aFlippedBitIsAnErrorAndNeverAWrongByte() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      for index in 0..<8 { try writer.append([UInt8(index), 1, 2, 3], stream: .stdout) }
      let good = try Self.readAll(folder)
      let name = "output.0000000000000000"
      let bytes = try File.read(name, in: folder)
      for position in bytes.indices {
        var bad = bytes
        bad[position] ^= 1 << (position % 8)
        try File.replace(name, in: folder, with: bad, durable: false)
        #expect(throws: StoreError.self, "\(position)") { try Self.readAll(folder) }
      }
      try File.replace(name, in: folder, with: bytes, durable: false)
      #expect(try Self.readAll(folder) == good)
    }
  }

  static func readAll(
    _ folder: borrowing OwnedDescriptor, from position: UInt64? = nil
  ) throws -> [JournalRecord] {
    var reader = try JournalReader(
      folder: try folder.duplicate(), jobID: self.jobID, position: position)
    var records: [JournalRecord] = []
    while case .record(let record) = try reader.next(waiting: true) { records.append(record) }
    return records
  }
}

/// Runs `body` with a new folder and removes it.
func withFolder(_ body: (borrowing OwnedDescriptor) throws -> Void) throws {
  let name = "worker-store-\(getpid())-\(Random.bytes(8).map { String($0) }.joined())"
  let parent = try File.openFolder("/tmp")
  try File.makeFolder(name, in: parent)
  defer { try? Folder.removeTree(name, in: parent) }
  try body(try File.open(name, in: parent, O_RDONLY | O_DIRECTORY))
}
