import Glibc
import JobStore
import Linux
import Testing

/// Journals that a crash, a power loss or a bad disk has changed at random places.
@Suite struct DamageTests {
  private static let jobID = JournalTests.jobID

  /// xorshift64: the same places in every run.
  private struct Dice {
    private var state: UInt64
    init(seed: UInt64) { self.state = seed | 1 }
    mutating func roll(_ count: Int) -> Int {
      self.state ^= self.state << 13
      self.state ^= self.state >> 7
      self.state ^= self.state << 17
      return Int(self.state % UInt64(count))
    }
  }

  private enum Harm: CaseIterable { case flip, truncate, zeroTail, zeroHole, swap }

  private static func write(into folder: borrowing OwnedDescriptor, _ dice: inout Dice) throws {
    var writer = try JournalWriter(
      folder: try folder.duplicate(), jobID: self.jobID, segmentSize: 4000)
    for index in 0..<60 {
      try writer.append(
        [UInt8](repeating: UInt8(index), count: 1 + dice.roll(400)),
        stream: dice.roll(3) == 0 ? .stderr : .stdout)
    }
  }

  private static func harm(
    _ bytes: [UInt8], _ harm: Harm, _ dice: inout Dice
  ) -> [UInt8] {
    var bad = bytes
    let place = dice.roll(bytes.count)
    switch harm {
    case .flip: bad[place] ^= 1 << dice.roll(8)
    case .truncate: bad.removeLast(bytes.count - place)
    case .zeroTail:
      bad.removeLast(bytes.count - place)
      bad += [UInt8](repeating: 0, count: dice.roll(300_000))
    case .zeroHole: for index in place..<min(place + 100, bad.count) { bad[index] = 0 }
    case .swap: bad.swapAt(place, dice.roll(bytes.count))
    }
    return bad
  }

  @Test(arguments: 1...40) func damageIsAnErrorOrAnEarlierEndAndNeverAWrongByte(
    seed: UInt64
  ) throws {
    try withFolder { folder in
      var dice = Dice(seed: seed &* 0x9e37_79b9_7f4a_7c15)
      try Self.write(into: folder, &dice)
      let good = try JournalContent.read(folder, jobID: Self.jobID).records
      let names = try Folder.names(in: folder).sorted()
      #expect(names.count > 2)
      for harm in Harm.allCases {
        let name = names[dice.roll(names.count)]
        let whole = try File.read(name, in: folder)
        try File.replace(
          name, in: folder, with: Self.harm(whole, harm, &dice), durable: false)
        for start in [nil, good[dice.roll(good.count)].end] {
          try Self.check(folder, against: good, from: start)
        }
        try File.replace(name, in: folder, with: whole, durable: false)
      }
      #expect(try JournalContent.read(folder, jobID: Self.jobID).records == good)
    }
  }

  /// All that is served is what was written, in order and without a hole; then comes an error, or the end
  /// where the file really ends.
  private static func check(
    _ folder: borrowing OwnedDescriptor, against good: [JournalRecord], from start: UInt64?
  ) throws {
    let copy = try folder.duplicate()
    guard var reader = try? JournalReader(folder: copy, jobID: self.jobID, position: start) else {
      return  // told at once
    }
    let expected = good.filter { $0.end > start ?? 0 }
    var count = 0
    while let next = try? reader.next(waiting: true) {
      if next == .end {
        guard count < expected.count else { return }
        let isCut = try self.isCutOff(expected[count], in: folder)
        #expect(isCut, "from \(start ?? 0): an end before record \(count) of \(expected.count)")
        return
      }
      guard case .record(let record) = next, count < expected.count, record == expected[count]
      else {
        Issue.record("from \(start ?? 0): what comes as \(count) is not what was written")
        return
      }
      count += 1
    }
  }

  /// Whether what there is of the record ends in the last segment, and nothing but zeros is behind.
  private static func isCutOff(
    _ record: JournalRecord, in folder: borrowing OwnedDescriptor
  ) throws -> Bool {
    let last = try #require(try Folder.names(in: folder).sorted().last)
    let base = try #require(UInt64(last.dropFirst("output.".count), radix: 16))
    let rest = try File.read(last, in: folder).lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    return record.end > base && UInt64(rest) < record.end - base
  }

  /// Zeros in the place of a record, with others behind it: no tail, in whatever segment it is.
  @Test(arguments: [0, 1, 2]) func zerosBeforeARecordAreAnError(segment: Int) throws {
    try withFolder { folder in
      var dice = Dice(seed: 3)
      try Self.write(into: folder, &dice)
      let name = try Folder.names(in: folder).sorted()[segment]
      let base = try #require(UInt64(name.dropFirst("output.".count), radix: 16))
      let good = try JournalContent.read(folder, jobID: Self.jobID).records
      let first = try #require(good.first { $0.end > base })
      var bytes = try File.read(name, in: folder)
      let place = Int(first.end - base)  // the second record's
      for index in place..<(place + 40) { bytes[index] = 0 }
      try File.replace(name, in: folder, with: bytes, durable: false)
      #expect {
        try JournalContent.read(folder, jobID: Self.jobID)
      } throws: { error in
        guard case .damaged(position: first.end, _)? = error as? StoreError else { return false }
        return true
      }
      // What was read from the job later is behind it: such a view must not begin with the next segment.
      let later = try #require(good.first { $0.wallTime > first.wallTime })
      var search = JournalSearch(.since(later.wallTime))
      var step = JournalSearch.Step.goOn
      while step == .goOn { step = try search.step(in: folder, jobID: Self.jobID) }
      guard case .found(let place) = step else {
        Issue.record("no place")
        return
      }
      #expect(place.position == first.end && place.skip == 0)
    }
  }

  @Test(arguments: [10, 200]) func aSegmentCutShortBeforeOthersIsAnError(count: Int) throws {
    try withFolder { folder in
      var dice = Dice(seed: 3)
      try Self.write(into: folder, &dice)
      let name = try Folder.names(in: folder).sorted()[1]
      let segment = try File.open(name, in: folder, O_RDWR)
      try File.truncate(segment, to: try File.size(segment) - Int64(count))
      #expect(throws: StoreError.self) { try JournalContent.read(folder, jobID: Self.jobID) }
    }
  }

  @Test func aHeaderOfZerosBeforeRecordsIsAnError() throws {
    try withFolder { folder in
      var dice = Dice(seed: 3)
      try Self.write(into: folder, &dice)
      let name = try #require(try Folder.names(in: folder).sorted().last)
      var bytes = try File.read(name, in: folder)
      for index in 0..<56 { bytes[index] = 0 }
      try File.replace(name, in: folder, with: bytes, durable: false)
      #expect(throws: StoreError.self) { try JournalContent.read(folder, jobID: Self.jobID) }
    }
  }

  @Test func aTailOfZerosLongerThanTheBufferIsNotServed() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first".utf8), stream: .stdout)
      let segment = try File.open("output.0000000000000000", in: folder, O_RDWR)
      try File.truncate(segment, to: 16 << 20)
      let (gaps, records) = try JournalContent.read(folder, jobID: Self.jobID)
      #expect(gaps == [] && records.map(\.bytes) == [Array("first".utf8)])
    }
  }

  /// Zeros begin where a page of the file did not come to disk, in the middle of a record.
  @Test func aRecordThatEndsInZerosIsNotServedAndTheRestIs() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first\n".utf8), stream: .stdout)
      let whole = Int(writer.end)
      try writer.append(Array("second\n".utf8), stream: .stdout)
      let name = "output.0000000000000000"
      let good = try File.read(name, in: folder)
      for cut in whole..<(good.count - 1) {
        for tail in [0, 5000] {
          let bad = good[..<cut] + [UInt8](repeating: 0, count: good.count - cut + tail)
          try File.replace(name, in: folder, with: Array(bad), durable: false)
          let read = try JournalContent.read(folder, jobID: Self.jobID).records
          #expect(read.map(\.bytes) == [Array("first\n".utf8)], "\(cut)")
          var search = JournalSearch(.lines(1, [.stdout]))
          var step = JournalSearch.Step.goOn
          while step == .goOn { step = try search.step(in: folder, jobID: Self.jobID) }
          #expect(step == .found(.start))
        }
      }
    }
  }

  @Test func aFlippedBitBeforeZerosOfTheJobsOwnIsAnError() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first".utf8) + [0, 0, 0, 0], stream: .stdout)
      try writer.append(Array("second".utf8), stream: .stdout)
      let name = "output.0000000000000000"
      var bytes = try File.read(name, in: folder)
      bytes[100] ^= 1
      try File.replace(name, in: folder, with: bytes, durable: false)
      #expect(throws: StoreError.self) { try JournalContent.read(folder, jobID: Self.jobID) }
    }
  }

  @Test(arguments: [0, 20, 56]) func aLastSegmentWithoutAHeaderHoldsNothing(count: Int) throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append(Array("first".utf8), stream: .stdout)
      let end = writer.end
      let name = "output." + String(format16: end)
      try File.replace(
        name, in: folder, with: [UInt8](repeating: 0, count: count), durable: false)
      let read = try JournalContent.read(folder, jobID: Self.jobID).records
      #expect(read.map(\.bytes) == [Array("first".utf8)])
      #expect(try StreamCounts.ofJournal(in: folder, jobID: Self.jobID).stdout == 5)
    }
  }

  /// The one segment there is was not written yet, or not to disk: there is no output.
  @Test(arguments: [0, 20, 56]) func anOnlySegmentWithoutAHeaderIsNoOutput(count: Int) throws {
    try withFolder { folder in
      try File.replace(
        "output.0000000000000000", in: folder, with: [UInt8](repeating: 0, count: count),
        durable: false)
      let copy = try folder.duplicate()
      var isNone = false
      do throws(StoreError) {
        _ = try JournalReader(folder: copy, jobID: Self.jobID)
      } catch {
        if case .outOfRange(position: 0) = error { isNone = true }
      }
      #expect(isNone)
      #expect(try StreamCounts.ofJournal(in: folder, jobID: Self.jobID) == StreamCounts())
    }
  }

  /// Payloads are stepped over without their checksums: nothing may end the process.
  @Test func countsOfDamagedHeadersAreSomeNumber() throws {
    try withFolder { folder in
      var dice = Dice(seed: 7)
      try Self.write(into: folder, &dice)
      for name in try Folder.names(in: folder) {
        let whole = try File.read(name, in: folder)
        for place in 56..<min(whole.count, 300) {
          var bad = whole
          bad[place] ^= 0x80
          try File.replace(name, in: folder, with: bad, durable: false)
          _ = try? StreamCounts.ofJournal(in: folder, jobID: Self.jobID).total
          var search = JournalSearch(.since(1))
          for _ in 0..<3 { _ = try? search.step(in: folder, jobID: Self.jobID) }
        }
        try File.replace(name, in: folder, with: whole, durable: false)
      }
    }
  }

  @Test func aTailThatWasCutAndWrittenAnewIsReadAnew() throws {
    try withFolder { folder in
      var writer = try JournalWriter(
        folder: try folder.duplicate(), jobID: Self.jobID, segmentSize: 1 << 20)
      try writer.append([1, 2, 3], stream: .stdout)
      var reader = try JournalReader(folder: try folder.duplicate(), jobID: Self.jobID)
      _ = try reader.next(waiting: true)
      // A torn record, as a full disk leaves for a moment.
      let name = "output.0000000000000000"
      let whole = try File.read(name, in: folder)
      let file = try File.open(name, in: folder, O_WRONLY | O_APPEND)
      try File.writeAll(Array(whole[56..<90]), to: file)
      #expect(try reader.next(waiting: true) == .end)
      try File.truncate(file, to: Int64(whole.count))
      try writer.append([4, 5, 6], stream: .stdout)
      guard case .record(let record) = try reader.next(waiting: true) else {
        Issue.record("no record"); return
      }
      #expect(record.bytes == [4, 5, 6])
    }
  }
}

extension String {
  /// As segments are named.
  fileprivate init(format16 number: UInt64) {
    let digits = String(number, radix: 16)
    self = String(repeating: "0", count: 16 - digits.count) + digits
  }
}
