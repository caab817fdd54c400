import Glibc
import Linux

/// Bytes that nobody meant: mutations of a corpus, the same in every run with the same seed.
///
/// `WORKER_FUZZ_SECONDS` gives a run more time than its rounds, `WORKER_FUZZ_SEED` another beginning.
/// Where the toolchain has libFuzzer, `make fuzz` lets that choose the inputs, by the code they reach.
package struct Fuzz {
  private var state: UInt64
  private let corpus: [[UInt8]]

  package init(corpus: [[UInt8]], seed: UInt64 = Self.seed) {
    self.state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    self.corpus = corpus
  }

  package static var seed: UInt64 { Self.number("WORKER_FUZZ_SEED") ?? 1 }

  /// Runs `body` so many times at least, and for as long as was asked.
  package static func run(
    corpus: [[UInt8]], rounds: Int, _ body: (_ input: [UInt8], _ fuzz: inout Fuzz) throws -> Void
  ) throws {
    if let coverage = CoverageFuzzer.asked { try coverage.run(corpus: corpus, body) }
    var fuzz = Fuzz(corpus: corpus)
    for seed in corpus { try body(seed, &fuzz) }
    for _ in 0..<rounds { try body(fuzz.input(), &fuzz) }
    guard let seconds = Self.number("WORKER_FUZZ_SECONDS") else { return }
    let end = Clock.monotonic() + Int64(clamping: seconds) * 1_000_000_000
    while Clock.monotonic() < end {
      for _ in 0..<64 { try body(fuzz.input(), &fuzz) }
    }
  }

  /// Runs `body` on a thread of its own: it computes for long, which would stop the pool of all tests.
  package static func apart(_ body: @Sendable @escaping () throws -> Void) async throws {
    try await withTaskExecutorPreference(Self.thread) { try body() }
  }

  private static let thread = BlockingThreads(name: "fuzz", count: 1)

  private static func number(_ name: String) -> UInt64? {
    getenv(name).flatMap { UInt64(String(cString: $0)) }
  }

  package mutating func number(below bound: Int) -> Int {
    // xorshift64, Marsaglia 2003.
    self.state ^= self.state << 13
    self.state ^= self.state >> 7
    self.state ^= self.state << 17
    return bound <= 1 ? 0 : Int(self.state >> 11) % bound
  }

  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: self.number(below: 256)) }
  }

  /// One of the corpus, changed in one to eight places; rarely noise.
  package mutating func input() -> [UInt8] {
    if self.number(below: 50) == 0 { return self.bytes(self.number(below: 300)) }
    var input = self.pick()
    for _ in 0...self.number(below: 8) { self.change(&input) }
    return input
  }

  private mutating func pick() -> [UInt8] { self.corpus[self.number(below: self.corpus.count)] }

  private mutating func change(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes = self.bytes(8) }
    let at = self.number(below: bytes.count)
    switch self.number(below: 8) {
    case 0: bytes[at] ^= 1 << UInt8(self.number(below: 8))
    case 1: bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.number(below: 5)]
    case 2: bytes[at] = UInt8(self.number(below: 256))
    case 3: bytes.insert(contentsOf: self.bytes(1 + self.number(below: 16)), at: at)
    case 4: bytes.removeSubrange(at..<min(bytes.count, at + 1 + self.number(below: 16)))
    case 5: bytes.removeLast(bytes.count - at)
    case 6:  // a piece of itself again, as lists of things are
      let end = min(bytes.count, at + 1 + self.number(below: 64))
      bytes.insert(contentsOf: bytes[at..<end], at: self.number(below: bytes.count))
    default:
      let other = self.pick()
      bytes.replaceSubrange(at..., with: other.dropFirst(self.number(below: other.count)))
    }
  }
}
