import Glibc
import Linux
import Testing

@Suite struct BlockingThreadsTests {
  /// Sets `isGone` when nobody holds it any more.
  private final class Held: Sendable {
    private let isGone: Lock<Bool>

    init(_ isGone: Lock<Bool>) { self.isGone = isGone }

    deinit { self.isGone.withLock { $0 = true } }
  }

  private final class Gate: Sendable {
    private let event: EventDescriptor

    init() throws { self.event = try EventDescriptor() }

    func open() { self.event.signal() }

    func wait() {
      var entries = [
        pollfd(fd: self.event.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      ]
      try? Poll.wait(&entries)  // cannot fail for a good descriptor
    }
  }

  private static func use(_ held: Held, on threads: BlockingThreads) {
    threads.perform { withExtendedLifetime(held) {} }
  }

  /// In a queue that never runs empty.
  @Test func whatWasRunIsForgottenWhileMoreWaits() async throws {
    let threads = BlockingThreads(name: "test-forget", count: 1)
    let (isGone, gate, count) = (Lock(false), try Gate(), Lock(0))
    threads.perform { gate.wait() }
    Self.use(Held(isGone), on: threads)
    let wasGone: Bool = await withCheckedContinuation { continuation in
      threads.perform { continuation.resume(returning: isGone.withLock { $0 }) }
      for _ in 0..<3000 { threads.perform { count.withLock { $0 += 1 } } }
      gate.open()
    }
    #expect(wasGone)
    // Behind all of them: none was left out.
    let ran = await threads.run { count.withLock { $0 } }
    #expect(ran == 3000)
  }
}
