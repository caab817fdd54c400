import CLinux
import Glibc

/// A few named threads of our own for what blocks: file syncs, cold reads, waits for a start.
///
/// Never the shared pool, where a blocked thread would hold up everybody. Made once, lives for
/// ever, as the runtime keeps executors unowned.
package final class BlockingThreads: TaskExecutor, @unchecked Sendable {
  // @unchecked: the queue is only touched between lock and unlock; the rest is immutable.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private enum Work {
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
  }

  /// Nil: was run, and holds nothing any more.
  private var queue: [Work?] = []
  private var head = 0

  /// For what this process is nothing without.
  package convenience init(name: String, count: Int) {
    do throws(SystemError) { try self.init(trying: name, count: count) } catch {
      Fatal.end("cannot start the threads '\(name)': \(error.reason)")
    }
  }

  /// Throws EAGAIN where the host allows no more threads.
  package init(trying name: String, count: Int) throws(SystemError) {
    self.mutex = .allocate(capacity: 1)
    self.mutex.initialize(to: pthread_mutex_t())
    self.condition = .allocate(capacity: 1)
    self.condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(self.mutex, nil)
    pthread_cond_init(self.condition, nil)
    for index in 0..<count {
      try Threads.tryStart(name: "\(name)-\(index)") { self.run() }
    }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    self.append(.job(UnownedJob(job)))
  }

  /// Runs `body` on one of the threads some time later; for callers that are no tasks.
  package func perform(_ body: @escaping @Sendable () -> Void) {
    self.append(.closure(body))
  }

  private func append(_ work: Work) {
    pthread_mutex_lock(self.mutex)
    self.queue.append(work)
    pthread_mutex_unlock(self.mutex)
    pthread_cond_signal(self.condition)
  }

  /// Runs `body` on one of the threads.
  package func run<Success: Sendable, Failure: Error>(
    _ body: @Sendable () throws(Failure) -> Success
  ) async throws(Failure) -> Success {
    let result = await withTaskExecutorPreference(self) { () async -> Result<Success, Failure> in
      // The hop happens on entry to a nonisolated async function, which this closure is.
      do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private func run() -> Never {
    while true {
      switch self.next() {
      case .job(let job)?: job.runSynchronously(on: self.asUnownedTaskExecutor())
      case .closure(let body)?: body()
      case nil: break
      }
    }
  }

  private func next() -> Work? {
    pthread_mutex_lock(self.mutex)
    defer { pthread_mutex_unlock(self.mutex) }
    while self.head == self.queue.count { pthread_cond_wait(self.condition, self.mutex) }
    // Moved out: what a closure holds must not stay while the queue never runs empty.
    var work: Work?
    swap(&work, &self.queue[self.head])
    self.head += 1
    self.dropDone()
    return work
  }

  private func dropDone() {
    if self.head == self.queue.count {
      self.queue.removeAll(keepingCapacity: self.queue.count <= Self.kept)
      self.head = 0
    } else if self.head >= Self.kept, 2 * self.head >= self.queue.count {
      self.queue.removeFirst(self.head)
      self.head = 0
    }
  }

  /// Places for work that are kept though they are empty.
  private static let kept = 1024
}

/// Threads of our own.
package enum Threads {
  /// Names the calling thread, and for a process of one thread the process, as ps(1) shows it.
  package static func nameCurrent(_ name: String) {
    clinux_name_thread(String(name.prefix(15)))
  }

  /// As `tryStart`, for one that this process is nothing without.
  package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
    do throws(SystemError) { try self.tryStart(name: name, body) } catch {
      Fatal.end("cannot start the thread '\(name)': \(error.reason)")
    }
  }

  /// Starts a detached thread that ends by returning; the name is cut to the kernel's 15 bytes. Throws
  /// EAGAIN where the host allows no more, see pthread_create(3).
  ///
  /// All signals are blocked in it: they are read from a signalfd by the thread that asked for them.
  package static func tryStart(
    name: String, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let box = Unmanaged.passRetained(ThreadBody(name: name, body: body))
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let body = Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
        Threads.nameCurrent(body.name)
        body.body()
        return nil
      }, box.toOpaque())
    guard result == 0 else {
      box.release()
      throw SystemError(call: "pthread_create", errno: result)
    }
    pthread_detach(thread)
  }
}

private final class ThreadBody: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}
