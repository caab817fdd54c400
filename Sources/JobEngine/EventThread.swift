import Glibc
import Linux

/// Something the event thread can wait for; kept alive by the thread until it is ready.
protocol Waitable: AnyObject, Sendable {
  var descriptor: CInt { get }
  /// What to wait for, besides its other end's being closed or an error.
  var events: Epoll.Events { get }
}

extension Waitable {
  var events: Epoll.Events { .readable }
}

/// The engine's one thread that waits: for keepers to end, for starts to answer, for new output.
///
/// DESIGN: everything it waits for is in one epoll; what others want of it is put into a queue, and
/// an eventfd wakes it. It only calls short closures that hand work on, and never touches a disk.
/// One inotify instance serves all jobs, as each further one makes every write of a job dearer.
final class EventThread: Sendable {
  enum Command: Sendable {
    case watch(any Waitable, onReady: @Sendable () -> Void)
    case follow(Job, path: String, done: CheckedContinuation<SystemError?, Never>)
    case unfollow(Job)
    case later(at: Int64, @Sendable () -> Void)
    case stop(done: CheckedContinuation<Void, Never>)
  }

  private struct Queue: Sendable {
    var commands: [Command] = []
    var isStopped = false
  }

  private let queue = Lock(Queue())
  private let wakeUp: EventDescriptor

  private init() throws(SystemError) {
    self.wakeUp = try EventDescriptor()
  }

  /// Starts the thread; it lives until `stop`.
  static func start() async throws(SystemError) -> EventThread {
    let thread = try EventThread()
    let result = await withCheckedContinuation { continuation in
      Threads.start(name: "engine-events") {
        var loop: EventLoop
        do throws(SystemError) {
          loop = try EventLoop(wakeUp: thread.wakeUp)
        } catch {
          return continuation.resume(returning: Result<Void, SystemError>.failure(error))
        }
        continuation.resume(returning: .success(()))
        loop.run(for: thread)
      }
    }
    try result.get()
    return thread
  }

  /// Calls `onReady` once, on the thread, when `waitable` can be read or its other end is closed.
  func watch(_ waitable: any Waitable, onReady: @escaping @Sendable () -> Void) {
    self.enqueue(.watch(waitable, onReady: onReady))
  }

  /// Returns when `waitable` is ready. Not for use after `stop`, which would never answer it.
  func ready(_ waitable: any Waitable) async {
    await withCheckedContinuation { continuation in
      self.watch(waitable) { continuation.resume() }
    }
  }

  /// Returns once every change in the job's folder makes its `outputGeneration` go up.
  func follow(_ job: Job, path: String) async throws(SystemError) {
    let error = await withCheckedContinuation { done in
      // Stopped: the reader is about to be told so by its job.
      if !self.enqueue(.follow(job, path: path, done: done)) { done.resume(returning: nil) }
    }
    if let error { throw error }
  }

  func unfollow(_ job: Job) {
    self.enqueue(.unfollow(job))
  }

  /// Calls `body` on the thread after so many nanoseconds, the machine's sleep included; never after
  /// `stop`.
  func later(_ nanoseconds: Int64, _ body: @escaping @Sendable () -> Void) {
    let (time, overflow) = Clock.boot().addingReportingOverflow(max(nanoseconds, 1))
    self.enqueue(.later(at: overflow ? .max : time, body))
  }

  /// Ends the thread; answers when it no longer touches anything.
  func stop() async {
    await withCheckedContinuation { done in
      if !self.enqueue(.stop(done: done)) { done.resume() }
    }
  }

  @discardableResult
  private func enqueue(_ command: Command) -> Bool {
    let accepted = self.queue.withLock { queue in
      guard !queue.isStopped else { return false }
      if case .stop = command { queue.isStopped = true }
      queue.commands.append(command)
      return true
    }
    if accepted { self.wakeUp.signal() }
    return accepted
  }

  fileprivate func takeCommands() -> [Command] {
    self.wakeUp.clear()
    return self.queue.withLock { queue in
      defer { queue.commands = [] }
      return queue.commands
    }
  }
}

/// What the event thread holds; nobody else ever sees it.
private struct EventLoop: ~Copyable {
  private enum Token {
    static let wakeUp: UInt64 = 0
    static let inotify: UInt64 = 1
    static let timer: UInt64 = 2
    static let first: UInt64 = 3
  }

  private let epoll: Epoll
  private let inotify: Inotify
  private var nextToken = Token.first
  private var waiting: [UInt64: (waitable: any Waitable, onReady: @Sendable () -> Void)] = [:]
  private var followed = FollowedJobs()
  private var timers: Timers

  init(wakeUp: borrowing EventDescriptor) throws(SystemError) {
    let epoll = try Epoll(capacity: 64)
    let inotify = try Inotify()
    let timers = try Timers()
    try epoll.add(wakeUp.descriptor.rawValue, token: Token.wakeUp, events: .readable)
    try epoll.add(inotify.descriptor.rawValue, token: Token.inotify, events: .readable)
    try epoll.add(
      timers.timer.descriptor.rawValue, token: Token.timer, events: .readable)
    self.epoll = epoll
    self.timers = timers
    self.inotify = inotify
  }

  mutating func run(for thread: EventThread) {
    while true {
      var tokens: [UInt64] = []
      // Fails only for a bad epoll or bad memory, neither of which can be.
      try? self.epoll.wait(timeout: -1) { tokens.append($0.token) }
      for token in tokens where token >= Token.first { self.fire(token) }
      if tokens.contains(Token.inotify) { self.readInotify() }
      if tokens.contains(Token.timer) {
        for body in self.timers.take(now: Clock.boot()) { body() }
      }
      guard tokens.contains(Token.wakeUp) else { continue }
      for command in thread.takeCommands() {
        if case .stop(let done) = command { return done.resume() }
        self.perform(command)
      }
    }
  }

  private mutating func perform(_ command: EventThread.Command) {
    switch command {
    case .watch(let waitable, let onReady): self.watch(waitable, onReady)
    case .follow(let job, let path, let done):
      done.resume(returning: self.follow(job, path))
    case .unfollow(let job):
      if let watch = self.followed.remove(job) { self.inotify.unwatch(watch) }
    case .later(let time, let body):
      self.timers.add(at: time, now: Clock.boot(), body)
    case .stop: break
    }
  }

  private mutating func follow(_ job: Job, _ path: String) -> SystemError? {
    guard self.followed.add(job) else { return nil }
    do throws(SystemError) {
      self.followed.setWatch(try self.inotify.watch(path), of: job)
      return nil
    } catch {
      _ = self.followed.remove(job)
      return error
    }
  }

  private mutating func watch(_ waitable: any Waitable, _ onReady: @escaping @Sendable () -> Void) {
    let token = self.nextToken
    self.nextToken += 1
    do throws(SystemError) {
      try self.epoll.add(waitable.descriptor, token: token, events: waitable.events)
      self.waiting[token] = (waitable, onReady)
    } catch {
      // ENOSPC of fs.epoll.max_user_watches. So rare that a thread for this one alone is the simplest
      // that is right; it may answer after `stop`.
      Threads.start(name: "engine-wait") {
        // poll(2) has the same bits.
        let events = Int16(truncatingIfNeeded: waitable.events.rawValue)
        var entries = [pollfd(fd: waitable.descriptor, events: events, revents: 0)]
        while entries[0].revents == 0 { try? Poll.wait(&entries) }
        onReady()
      }
    }
  }

  private mutating func fire(_ token: UInt64) {
    guard let entry = self.waiting.removeValue(forKey: token) else { return }
    try? self.epoll.remove(entry.waitable.descriptor)  // it was added under this token
    entry.onReady()
  }

  private mutating func readInotify() {
    for event in self.inotify.read() {
      switch event {
      case .changed(let watch): self.followed.job(of: watch)?.outputChanged()
      case .ended(let watch): self.followed.ended(watch)?.outputChanged()
      case .overflow: for job in self.followed.jobs { job.outputChanged() }
      }
    }
  }
}

/// Which jobs have readers that wait, and the inotify watch of each.
private struct FollowedJobs {
  private struct Entry {
    let job: Job
    var followers: Int
    var watch: CInt?
  }

  private var entries: [ObjectIdentifier: Entry] = [:]
  private var byWatch: [CInt: Job] = [:]

  var jobs: [Job] { self.entries.values.map(\.job) }

  func job(of watch: CInt) -> Job? { self.byWatch[watch] }

  /// True when a watch has to be set: for the first follower, or where it failed or ended before.
  mutating func add(_ job: Job) -> Bool {
    let key = ObjectIdentifier(job)
    self.entries[key, default: Entry(job: job, followers: 0)].followers += 1
    return self.entries[key]?.watch == nil
  }

  mutating func setWatch(_ watch: CInt, of job: Job) {
    self.entries[ObjectIdentifier(job)]?.watch = watch
    self.byWatch[watch] = job
  }

  /// The watch to end, if that was the last follower.
  mutating func remove(_ job: Job) -> CInt? {
    let key = ObjectIdentifier(job)
    self.entries[key]?.followers -= 1
    guard let entry = self.entries[key], entry.followers == 0 else { return nil }
    self.entries[key] = nil
    if let watch = entry.watch { self.byWatch[watch] = nil }
    return entry.watch
  }

  /// The kernel ended the watch: its folder is gone.
  mutating func ended(_ watch: CInt) -> Job? {
    guard let job = self.byWatch.removeValue(forKey: watch) else { return nil }
    self.entries[ObjectIdentifier(job)]?.watch = nil
    return job
  }
}
