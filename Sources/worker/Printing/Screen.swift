import Linux

/// A terminal that a table is drawn on again and again, given back as it was.
final class Screen: Sendable {
  /// One element when `q` was pressed; nil when nobody can press a key.
  let keys: AsyncStream<Int32>?
  private let mode: Terminal.KeyMode?

  // Of ECMA-48 and xterm: another screen for us, no cursor; and back.
  private static let enter = "\u{1b}[?1049h\u{1b}[?25l"
  private static let leave = "\u{1b}[?25h\u{1b}[?1049l"
  private static let home = "\u{1b}[H"
  private static let eraseLine = "\u{1b}[K"
  private static let eraseBelow = "\u{1b}[J"

  init() {
    self.mode = Terminal.KeyMode()
    self.keys = self.mode == nil ? nil : Self.readKeys()
    try? StandardStream.stdout.write(Self.enter)  // what fails here fails again with the table
  }

  func leave() {
    try? StandardStream.stdout.write(Self.leave)
    self.mode?.restore()
  }

  func draw(_ table: TopTable) throws(Failure) {
    let size = Terminal.size
    var lines = table.lines(columns: size?.columns)[...]
    if let rows = size?.rows { lines = lines.prefix(rows) }
    let text = lines.map { $0 + Self.eraseLine }.joined(separator: "\r\n")
    try StandardStream.stdout.write(Self.home + text + Self.eraseBelow)
  }

  private static func readKeys() -> AsyncStream<Int32> {
    let (stream, continuation) = AsyncStream<Int32>.makeStream()
    Threads.start(name: "keys") {
      while let key = Terminal.key() {
        if key == UInt8(ascii: "q") { continuation.yield(Int32(key)) }
      }
      // Nobody can press q any more, which is no reason to end.
    }
    return stream
  }
}
