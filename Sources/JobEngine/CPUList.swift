/// Processors by number, in the kernel's notation `0-3,6`, see cpuset(7).
struct CPUList: Hashable, Sendable, CustomStringConvertible {
  /// Sorted, each once.
  let numbers: [Int]

  /// More than any kernel is built for.
  private static let maximum = 65_535

  init(numbers: some Sequence<Int>) {
    self.numbers = Set(numbers).sorted()
  }

  /// Nil for what is no list of processors.
  init?(_ text: some StringProtocol) {
    var numbers: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard let first = ends.first.flatMap({ Self.number($0) }),
        let last = ends.last.flatMap({ Self.number($0) }), ends.count <= 2, first <= last
      else { return nil }
      numbers.formUnion(first...last)
    }
    self.init(numbers: numbers)
  }

  /// As the kernel writes it.
  var description: String {
    var ranges: [ClosedRange<Int>] = []
    for number in self.numbers {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }.joined(separator: ",")
  }

  /// Those of `other` left out.
  func subtracting(_ other: CPUList) -> CPUList {
    CPUList(numbers: Set(self.numbers).subtracting(other.numbers))
  }

  private static func number(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text),
      number <= self.maximum
    else { return nil }
    return number
  }
}
