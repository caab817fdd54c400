import Glibc

/// Tells that one of some paths may lead to another file than before, or that its file was written to,
/// once all has been quiet for a moment.
///
/// A path is followed anew at each look: its folder may be replaced by another one, and it may be or
/// lead through links.
package final class FileWatch: Sendable {
  private let inotify: Inotify
  private let timer: TimerDescriptor
  private let again: EventDescriptor
  private let end: EventDescriptor
  private let paths: @Sendable () -> [String]

  /// `onLook` is called on a thread of the watch's own, until `stop`: once at the beginning, whenever
  /// something has changed, and after `lookAgain`. What changes later is told by a next call.
  /// `onProblem` comes before it where a folder cannot be watched, once for each reason.
  package init(
    _ paths: @escaping @Sendable () -> [String],
    onProblem: @escaping @Sendable (SystemError) -> Void = { _ in },
    onLook: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    self.inotify = try Inotify()
    self.timer = try TimerDescriptor()
    self.again = try EventDescriptor()
    self.end = try EventDescriptor()
    self.paths = paths
    try Threads.tryStart(name: "watch") { self.run(onProblem, onLook) }
  }

  /// Follows the paths anew, as after what no event tells of: a mount on the way.
  package func lookAgain() { self.again.signal() }

  /// The thread ends soon after; `onLook` may be called once more.
  package func stop() { self.end.signal() }

  private func run(
    _ onProblem: @Sendable (SystemError) -> Void, _ onLook: @Sendable () -> Void
  ) {
    var watches = LookupWatches()
    var quiet = QuietPeriod(milliseconds: 100)
    var told: SystemError?
    var entries = [
      self.inotify.descriptor.rawValue, self.timer.descriptor.rawValue,
      self.again.descriptor.rawValue, self.end.descriptor.rawValue,
    ].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    self.again.signal()
    while true {
      // The descriptors are ours, so that there is nothing to fail for but memory.
      do throws(SystemError) { try Poll.wait(&entries) } catch { return }
      if entries[3].revents != 0 { return }
      if entries[0].revents != 0, watches.concern(self.inotify.readNames()) {
        // Cannot fail for a good descriptor.
        try? self.timer.set(after: quiet.changed(now: UInt64(Clock.boot())))
      }
      guard entries[1].revents != 0 || entries[2].revents != 0 else { continue }
      self.timer.clear()
      self.again.clear()
      quiet.told()
      // Before the look, so that what changes after it is seen.
      let problem = watches.renew(self.paths(), self.inotify)
      if let problem, problem != told { onProblem(problem) }
      told = problem
      onLook()
    }
  }
}
