import ArgumentParser
import Glibc
import JobAPI
import JobClient
import Linux

/// `worker top`
struct TopCommand: ClientCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Show what the unfinished jobs use now, again and again.",
    discussion: """
      On a terminal a table, the busiest first, until q or Ctrl-C; otherwise one job a line as JSON, \
      for each refresh. CPU% is of one core, since the last refresh (at first: since the start).

      EXAMPLE: worker top --once
      """)
  /// All that a terminal sends, as it is to be given back as it was.
  static let signals: [Int32] = [SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGWINCH]

  @Option(
    parsing: .unconditional,
    help: "Time between two refreshes, 100ms at least. (default: 2s)", transform: Self.interval)
  var interval: Duration = .seconds(2)
  @Flag(help: "Show it once and end.") var once = false
  @Option(help: "Only jobs with this label K=V; repeatable.", transform: Values.pair)
  var label: [Pair] = []
  @Flag(help: "One job a line as JSON, on a terminal too.") var json = false
  @OptionGroup(title: "Connection") var connection: ConnectionOptions

  static func interval(_ text: String) throws -> Duration {
    let interval = try Values.duration(text)
    guard interval >= .milliseconds(100) else {
      throw ValueError(description: "give at least 100ms")
    }
    return interval
  }

  func run(_ session: Session) async throws -> Int32 {
    let asJSON = self.json || !Terminal.isOutput
    if self.once {
      try self.show(try await self.jobs(session), Frames(), asJSON: asJSON, on: nil)
      return ExitCode.success
    }
    let screen = asJSON ? nil : Screen()
    let frames = Frames()
    defer { screen?.leave() }
    return try await withThrowingTaskGroup(of: Int32.self) { group in
      group.addTask { try await self.refresh(session, frames, asJSON: asJSON, on: screen) }
      group.addTask { try await Self.heed(session.signals, frames, on: screen) }
      if let keys = screen?.keys { group.addTask { await Self.end(of: keys) } }
      defer { group.cancelAll() }
      return try await group.next() ?? ExitCode.success
    }
  }

  private func refresh(
    _ session: Session, _ frames: Frames, asJSON: Bool, on screen: Screen?
  ) async throws -> Int32 {
    while true {
      try self.show(try await self.jobs(session), frames, asJSON: asJSON, on: screen)
      try await session.client.rest(for: self.interval)
    }
  }

  private func jobs(_ session: Session) async throws -> [Worker_V1_Job] {
    try await session.client.list(
      states: [.starting, .running, .stopping], labels: self.label.dictionary)
  }

  private func show(
    _ jobs: [Worker_V1_Job], _ frames: Frames, asJSON: Bool, on screen: Screen?
  ) throws {
    if asJSON {
      return try StandardStream.stdout.write(try jobs.map { try JSON.text($0) }.joined())
    }
    let table = frames.next(jobs)
    guard let screen else {
      let lines = table.lines(columns: nil).map { $0 + "\n" }
      return try StandardStream.stdout.write(lines.joined())
    }
    try screen.draw(table)
  }

  /// Draws again what was there when the terminal has another size; ends with any other signal.
  private static func heed(
    _ signals: AsyncStream<Int32>, _ frames: Frames, on screen: Screen?
  ) async throws -> Int32 {
    for await signal in signals {
      guard signal == SIGWINCH else { break }
      if let screen, let table = frames.last { try screen.draw(table) }
    }
    return ExitCode.success
  }

  /// Returns with the first element, or when the task is cancelled.
  private static func end(of stream: AsyncStream<Int32>) async -> Int32 {
    for await _ in stream { break }
    return ExitCode.success
  }
}

/// Remembers from one table to the next what rates need.
private final class Frames: Sendable {
  private let table = Lock<TopTable?>(nil)

  /// What was shown last.
  var last: TopTable? { self.table.withLock { $0 } }

  func next(_ jobs: [Worker_V1_Job]) -> TopTable {
    let table = TopTable(jobs, before: self.last?.samples ?? [:], now: Clock.wall())
    self.table.withLock { $0 = table }
    return table
  }
}
