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
          Self.check(folder, against: good, from: start)
        }
        try File.replace(name, in: folder, with: whole, durable: false)
      }
      #expect(try JournalContent.read(folder, jobID: Self.jobID).records == good)
    }
  }

  /// All that is served is what was written, in order and without a hole; then an end or an error.
  private static func check(
    _ folder: borrowing OwnedDescriptor, against good: [JournalRecord], from start: UInt64?
  ) {
    guard let copy = try? folder.duplicate(),
      var reader = try? JournalReader(folder: copy, jobID: self.jobID, position: start)
    else { return }
    let expected = good.filter { $0.end > start ?? 0 }
    var count = 0
    while case .record(let record)? = try? reader.next(waiting: true) {
      guard count < expected.count, record == expected[count] else {
        Issue.record("record \(count) from \(start ?? 0) is not what was written")
        return
      }
      count += 1
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
