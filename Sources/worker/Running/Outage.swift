/// A time in which the server was not reached: decides when that is worth a word.
struct Outage: Hashable, Sendable {
  private static let second: Int64 = 1_000_000_000
  /// Shorter ones are no news for a file.
  private static let patience = 2 * Self.second
  private let isTerminal: Bool
  private var began: Int64?
  private var told: String?

  init(isTerminal: Bool) { self.isTerminal = isTerminal }

  /// An attempt has failed, the first since the server was last there or another one; true when that is to
  /// be told. `now` in nanoseconds.
  mutating func failed(_ message: String, isFirst: Bool, now: Int64) -> Bool {
    if isFirst { (self.began, self.told) = (nil, nil) }
    let began = self.began ?? now
    self.began = began
    guard self.told != message, self.isTerminal || now - began >= Self.patience else {
      return false
    }
    self.told = message
    return true
  }
}
