import Glibc
import JobServer
import Linux
import Testing

/// A log that stalls.
@Suite struct LogQueueTests {
  @Test func aStalledLogHoldsUpNobodyAndCountsWhatItDropped() async throws {
    let lines = Lock<[String]>([])
    let gate = try Gateway()
    let queue = try LogQueue(limit: 100) { line in
      if line == "first\n" { gate.wait() }
      lines.withLock { $0.append(line) }
    }
    queue.write("first\n")
    for index in 0..<100 { queue.write("line \(index)\n") }
    queue.finish(within: 20)
    #expect(lines.withLock { $0.isEmpty })

    gate.open()
    queue.finish(within: 100_000)
    let written = lines.withLock { $0 }
    // Told whenever the thread comes for more: twice, where it first came while they were written.
    let told = written.filter { $0.contains("warning log lines dropped") }
    let counts = told.compactMap { $0.split(separator: "=").last.flatMap { Int($0.dropLast()) } }
    #expect(!counts.isEmpty && counts.count == told.count)
    #expect(written.count - told.count + counts.reduce(0, +) == 101)
    #expect(written[1] == "line 0\n")
    // There is room again.
    queue.write("later\n")
    queue.finish(within: 100_000)
    #expect(lines.withLock { $0.last } == "later\n")
  }
}

/// Closed until it is opened.
private final class Gateway: Sendable {
  private let event: EventDescriptor

  init() throws { self.event = try EventDescriptor() }

  func open() { self.event.signal() }

  func wait() {
    var entries = [pollfd(fd: self.event.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    try? Poll.wait(&entries)
  }
}
