/// User ids for jobs with a user namespace: 65536 each, so that every id of a usual system has a place.
struct IDBlocks: Sendable {
  static let size: UInt32 = 1 << 16

  let range: ClosedRange<UInt32>
  private var next: UInt32

  /// From a random place on, as user ids are.
  init(_ range: ClosedRange<UInt32>) {
    self.range = range
    self.next = .random(in: 0..<Self.count(range))
  }

  /// The first id of a block for which `isFree`; each is given in turn.
  mutating func free(_ isFree: (UInt32) -> Bool) throws(WorkerError) -> UInt32 {
    let count = Self.count(self.range)
    for step in 0..<count {
      let number = (self.next + step) % count
      let first = self.range.lowerBound + number * Self.size
      guard isFree(first) else { continue }
      self.next = (number + 1) % count
      return first
    }
    throw WorkerError(
      .resourceExhausted,
      "all \(count) id ranges for user namespaces are in use: wait for a job to end")
  }

  private static func count(_ range: ClosedRange<UInt32>) -> UInt32 {
    UInt32(range.count) / Self.size
  }
}
