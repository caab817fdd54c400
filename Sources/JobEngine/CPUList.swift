/// Processors by number, in the kernel's notation `0-3,6`, see cpuset(7).
struct CPUList: Hashable, Sendable, CustomStringConvertible {
  private let set: RangeSet<Int>

  /// More than any kernel is built for (CONFIG_NR_CPUS).
  private static let maximum = 8_191

  /// Enough for every one of them by itself; what is longer repeats itself, and costs whoever parses it.
  private static let maximumLength = 48 << 10

  init(numbers: some Sequence<Int>) {
    self.set = numbers.reduce(into: RangeSet()) { $0.insert(contentsOf: $1..<$1 + 1) }
  }

  private init(set: RangeSet<Int>) { self.set = set }

  /// Nil for what is no list of processors.
  init?(_ text: some StringProtocol) {
    guard text.utf8.count <= Self.maximumLength else { return nil }
    var set = RangeSet<Int>()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard let first = ends.first.flatMap({ Self.number($0) }),
        let last = ends.last.flatMap({ Self.number($0) }), ends.count <= 2, first <= last
      else { return nil }
      set.insert(contentsOf: first..<last + 1)
    }
    self.set = set
  }

  var count: Int { self.set.ranges.reduce(0) { $0 + $1.count } }

  /// As the kernel writes it.
  var description: String {
    self.set.ranges.map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)"
    }.joined(separator: ",")
  }

  /// Those of `other` left out.
  func subtracting(_ other: CPUList) -> CPUList { CPUList(set: self.set.subtracting(other.set)) }

  private static func number(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text),
      number <= self.maximum
    else { return nil }
    return number
  }
}
