import CLinux
import Glibc

/// A value behind a pthread mutex.
///
/// Not `Synchronization.Mutex`: that one is a bare futex, which the thread sanitizer cannot see, so
/// every access inside it is reported as a race. The body touches the value and nothing else: no
/// IO, no `await`, no second lock.
package final class Lock<Value>: @unchecked Sendable {
  // @unchecked: `value` is only touched between lock and unlock.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  package init(_ value: sending Value) {
    self.mutex = .allocate(capacity: 1)
    self.mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(self.mutex, nil)
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(self.mutex)
    self.mutex.deallocate()
  }

  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(self.mutex)
    defer { pthread_mutex_unlock(self.mutex) }
    return try body(&self.value)
  }
}
