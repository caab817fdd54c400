/// When a change is to be told: once all has been quiet for a moment, so that who replaces several files
/// is not caught between two of them; where it is never quiet, a second after the first change.
struct QuietPeriod: Hashable, Sendable {
  private static let patience: UInt64 = 1_000_000_000
  private let quiet: UInt64
  /// When the change that came first has to be told.
  private var latest: UInt64?

  init(milliseconds: UInt64) { self.quiet = milliseconds * 1_000_000 }

  /// Something has changed: after how many nanoseconds it is to be told if nothing more does.
  mutating func changed(now: UInt64) -> UInt64 {
    let end = self.latest ?? now + Self.patience
    self.latest = end
    return min(self.quiet, end > now ? end - now : 1)
  }

  mutating func told() { self.latest = nil }
}
