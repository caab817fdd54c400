import CLinux
import Glibc
package import Linux

/// One epoll(7) loop on one thread, and the `TaskExecutor` of everything that lives on it.
///
/// DESIGN. A turn: take what other threads sent, run at most 32 jobs, flush the connections they
/// wrote to, fire timers, ask epoll (sleeping only if there is nothing to run). Flushing after 32
/// jobs instead of when the queue is empty doubles the rate of calls, since client and server then
/// work at the same time (measured). It is not a SerialExecutor too: one object in both roles
/// makes 33 times more jobs a call (measured).
///
/// Loops live for ever: tasks hold their executor unowned. A job that blocks or computes long
/// stops every connection of the loop: send such work elsewhere.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
  // @unchecked: `inbox` is locked; the rest is touched by the loop's own thread alone, which
  // `preconditionOnLoop` checks in debug builds.

  /// What runs on the loop: a job of a Swift task, or a closure of ours.
  private enum Work {
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
  }

  private struct Inbox {
    var work: [Work] = []
    var asleep = false
  }

  private static let jobsPerTurn = 32

  package let name: String
  private let inbox = Lock(Inbox())
  private let wakeUp: EventDescriptor
  private let epoll: Epoll
  private var local: [Work] = []
  private var localNext = 0
  /// Empty, for `local` to be swapped with.
  private var spare: [Work] = []
  private var timers = TimerQueue()
  private var handlers: [UInt64: any ReadinessHandler] = [:]
  private var nextHandler: UInt64 = 1
  private var dirty: [any Flushable] = []
  let buffers = LoopBuffers()

  private init(name: String) throws(SystemError) {
    self.name = name
    self.wakeUp = try EventDescriptor()
    self.epoll = try Epoll()
    try self.epoll.add(self.wakeUp.descriptor.rawValue, token: 0, events: .readable)
  }

  private static func make(name: String) throws(SystemError) -> EventLoop {
    do throws(SystemError) {
      let loop = try EventLoop(name: name)
      _ = Unmanaged.passRetained(loop)  // for ever, see above
      return loop
    } catch {
      throw SystemError(call: "cannot start an event loop", errno: error.errno)
    }
  }

  /// A loop on a thread of its own.
  package static func start(name: String) throws(SystemError) -> EventLoop {
    let loop = try Self.make(name: name)
    try Threads.tryStart(name: name) { loop.run() }
    return loop
  }

  /// Makes the calling thread the loop, runs `body` on it and exits with its result.
  ///
  /// For a synchronous `main`: an async one costs 14-16 ms in a static executable (measured).
  package static func runOnCurrentThread(
    name: String = "main", _ body: @Sendable @escaping (EventLoop) async -> Int32
  ) throws(SystemError) -> Never {
    let loop = try Self.make(name: name)
    Task(executorPreference: loop) { exit(await body(loop)) }
    loop.run()
  }

  // MARK: Executor

  package func enqueue(_ job: consuming ExecutorJob) {
    self.submit(.job(UnownedJob(job)))
  }

  /// Runs `body` on the loop, in order with all else that is sent to it.
  package func execute(_ body: @Sendable @escaping () -> Void) {
    self.submit(.closure(body))
  }

  private func submit(_ work: Work) {
    if self.isCurrent {
      self.local.append(work)
      return
    }
    let mustWake = self.inbox.withLock { inbox in
      inbox.work.append(work)
      defer { inbox.asleep = false }
      return inbox.asleep
    }
    if mustWake { self.wakeUp.signal() }
  }

  /// Whether the calling thread is the loop's.
  package var isCurrent: Bool {
    clinux_thread_loop() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  func preconditionOnLoop() {
    assert(self.isCurrent, "loop-confined state touched from another thread")
  }

  // MARK: For what is confined to the loop

  func schedule(after nanoseconds: Int64, _ action: @escaping () -> Void) -> TimerQueue.Token {
    self.preconditionOnLoop()
    return self.timers.add(deadline: Clock.monotonic() + nanoseconds, action)
  }

  func cancel(_ token: TimerQueue.Token?) {
    self.preconditionOnLoop()
    // Kept until the queue is not accessed any more: what it holds may set a timer when it goes.
    let action = token.flatMap { self.timers.cancel($0) }
    withExtendedLifetime(action) {}
  }

  /// Reports readiness of `descriptor` to `handler` until `unregister`; the token names it.
  func register(
    _ descriptor: CInt, events: Epoll.Events, _ handler: any ReadinessHandler
  ) throws(SystemError) -> UInt64 {
    self.preconditionOnLoop()
    let token = self.nextHandler
    self.nextHandler += 1
    try self.epoll.add(descriptor, token: token, events: events)
    self.handlers[token] = handler
    return token
  }

  func change(_ descriptor: CInt, token: UInt64, events: Epoll.Events) {
    // Cannot fail for a descriptor that is registered.
    try? self.epoll.modify(descriptor, token: token, events: events)
  }

  /// Before the descriptor is closed. Events of this turn that are still to come find no handler.
  func unregister(_ descriptor: CInt, token: UInt64) {
    self.preconditionOnLoop()
    self.handlers[token] = nil
    try? self.epoll.remove(descriptor)  // cannot fail for a descriptor that is registered
  }

  /// `flush` will be called on `connection` at the end of this turn.
  func flushSoon(_ connection: any Flushable) {
    self.preconditionOnLoop()
    self.dirty.append(connection)
  }

  // MARK: The turn

  private func run() -> Never {
    clinux_set_thread_loop(Unmanaged.passUnretained(self).toOpaque())
    while true {
      self.takeInbox()
      self.runJobs()
      self.flush()
      self.fireTimers()
      self.pollDescriptors()
      self.flush()
    }
  }

  private func takeInbox() {
    let work = self.inbox.withLock { inbox in
      var taken: [Work] = []
      swap(&taken, &inbox.work)
      return taken
    }
    self.local.append(contentsOf: work)
  }

  private func runJobs() {
    var left = Self.jobsPerTurn
    let executor = self.asUnownedTaskExecutor()
    while left > 0, self.localNext < self.local.count {
      left -= 1
      let work = self.local[self.localNext]
      self.localNext += 1
      switch work {
      case .job(let job): job.runSynchronously(on: executor)
      case .closure(let body): body()
      }
    }
    self.dropDone()
  }

  /// What a closure held may submit work when it goes: `local` must not be accessed then.
  private func dropDone() {
    var done: [Work] = []
    if self.localNext == self.local.count {
      swap(&self.local, &self.spare)
      swap(&done, &self.spare)
      self.localNext = 0
      done.removeAll(keepingCapacity: true)
      swap(&done, &self.spare)
    } else if self.localNext > 1024 {
      done = Array(self.local[self.localNext...])
      swap(&done, &self.local)
      self.localNext = 0
    }
  }

  private func flush() {
    while !self.dirty.isEmpty {
      var connections: [any Flushable] = []
      swap(&connections, &self.dirty)
      for connection in connections { connection.flush() }
    }
  }

  private func fireTimers() {
    guard self.timers.count > 0 else { return }
    let now = Clock.monotonic()
    while let action = self.timers.popDue(now: now) { action() }
    self.flush()
  }

  private func pollDescriptors() {
    do {
      try self.epoll.wait(timeout: self.pollTimeout()) { ready in
        if ready.token == 0 {
          self.wakeUp.clear()
        } else {
          self.handlers[ready.token]?.ready(ready.events)
        }
      }
    } catch {
      Fatal.end("\(error)")  // EBADF or EINVAL: our own descriptor is broken
    }
    self.inbox.withLock { $0.asleep = false }
  }

  /// 0 when there is work, else the time to the next timer (rounded up), else for ever.
  private func pollTimeout() -> CInt {
    if self.localNext < self.local.count { return 0 }
    let nothingCame = self.inbox.withLock { inbox in
      inbox.asleep = inbox.work.isEmpty
      return inbox.asleep
    }
    guard nothingCame else { return 0 }
    guard let deadline = self.timers.nextDeadline() else { return -1 }
    let left = max(0, deadline - Clock.monotonic())
    return CInt(clamping: (left + 999_999) / 1_000_000)
  }
}

/// Told by the loop that its descriptor is ready.
protocol ReadinessHandler: AnyObject {
  func ready(_ events: Epoll.Events)
}

/// Has bytes to send at the end of the loop's turn.
protocol Flushable: AnyObject {
  func flush()
}

extension EventLoop {
  /// Runs `body` at once when on the loop, else soon.
  func executeNow(_ body: @Sendable @escaping () -> Void) {
    if self.isCurrent { body() } else { self.execute(body) }
  }
}
