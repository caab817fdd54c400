import Glibc
import Linux
import Testing

/// `worker top` on a terminal: its keys, its size, and that it is given back as it was.
@Suite(.endToEnd, .serialized) struct TerminalTests {
  private static let restored = "\u{1b}[?25h\u{1b}[?1049l"

  private func withTop(
    _ body: (PseudoTerminal, Host) throws -> Void
  ) async throws {
    try await Host.with { host in
      let terminal = try PseudoTerminal(rows: 20, columns: 100)
      _ = try await host.startJob(["--name", "first", "--", "sleep", "1000"])
      let before = terminal.mode
      let process = try terminal.start(
        ["setsid", "--ctty", "--wait", try #require(Host.binary), "top", "--interval", "1h"],
        environment: host.environment(as: "alice"))
      try terminal.read(until: "first")
      try terminal.read(until: "\u{1b}[J")  // the end of each table
      #expect(terminal.mode != before)
      try body(terminal, host)
      try terminal.read(until: Self.restored)
      #expect(try process.reap(waiting: true) == .exited(code: 0))
      #expect(terminal.mode == before)
    }
  }

  @Test(.timeLimit(.minutes(2))) func qEndsIt() async throws {
    try await self.withTop { terminal, _ in try terminal.type("xq") }
  }

  @Test(.timeLimit(.minutes(2))) func ctrlCEndsIt() async throws {
    try await self.withTop { terminal, _ in try terminal.type("\u{3}") }
  }

  /// Long before the next refresh.
  @Test(.timeLimit(.minutes(2))) func anotherSizeIsDrawnAtOnce() async throws {
    try await self.withTop { terminal, _ in
      terminal.resize(rows: 20, columns: 30)
      let text = try terminal.read(until: "\u{1b}[J")
      #expect(text.split(separator: "\u{1b}[K").allSatisfy { $0.count <= 40 }, "\(text)")
      try terminal.type("q")
    }
  }
}

/// Both ends of a pty(7): the tests' own, and the one that a program takes for its terminal.
private final class PseudoTerminal {
  private let master: OwnedDescriptor
  private let slave: OwnedDescriptor
  private var unread: [UInt8] = []

  init(rows: UInt16, columns: UInt16) throws {
    self.master = try File.open("/dev/ptmx", O_RDWR | O_NOCTTY)
    let raw = self.master.rawValue
    // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which Swift does not import.
    var locked: CInt = 0
    var number: CUnsignedInt = 0
    try check("unlockpt") { ioctl(raw, 0x4004_5431, &locked) }
    try check("ptsname") { ioctl(raw, 0x8004_5430, &number) }
    self.slave = try File.open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    self.resize(rows: rows, columns: columns)
  }

  /// The local modes.
  var mode: UInt32 {
    var mode = termios()
    tcgetattr(self.slave.rawValue, &mode)
    return mode.c_lflag
  }

  func resize(rows: UInt16, columns: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(self.master.rawValue, UInt(TIOCSWINSZ), &size)
  }

  func start(_ arguments: [String], environment: [String]) throws -> PIDFD {
    let raw = self.slave.rawValue
    var spawn = Spawn(
      .paths(["/usr/bin/\(arguments[0])"]), arguments: arguments, descriptors: [raw, raw, raw])
    spawn.environment = environment
    switch try spawn.start() {
    case .failed(_, let errno): throw SystemError(call: "exec(setsid)", errno: errno)
    case .started(_, let process): return process
    }
  }

  func type(_ keys: String) throws {
    try File.writeAll(Array(keys.utf8), to: self.master)
  }

  /// Everything up to `text`; what comes behind it is for the next call.
  @discardableResult
  func read(until text: String) throws -> String {
    let wanted = Array(text.utf8)
    while true {
      if let end = self.unread.indices.first(where: { self.unread[$0...].starts(with: wanted) }) {
        let read = self.unread[..<(end + wanted.count)]
        self.unread.removeFirst(end + wanted.count)
        return String(decoding: read, as: UTF8.self)
      }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let result = try File.read(self.master, into: &buffer, at: 0, count: buffer.count)
      guard case .bytes(let count) = result else { throw SystemError(call: "read", errno: EIO) }
      self.unread += buffer[..<count]
    }
  }
}
