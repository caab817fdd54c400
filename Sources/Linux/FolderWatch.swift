import Glibc

/// Tells that something in one of some folders has changed, once they have been quiet for a moment.
/// Folders that are never quiet are told of all the same, a second after the first change.
///
/// Watches the folders that have these paths now; `FileWatch` follows the paths.
package final class FolderWatch: Sendable {
  private let inotify: Inotify
  private let timer: TimerDescriptor
  private let end: EventDescriptor

  /// `onChange` is called on a thread of the watch's own, until `stop`.
  package init(
    _ folders: [String], quietMilliseconds: UInt64 = 100,
    onChange: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    self.inotify = try Inotify()
    self.timer = try TimerDescriptor()
    self.end = try EventDescriptor()
    for folder in folders { _ = try self.inotify.watch(folder) }
    Threads.start(name: "watch") {
      self.run(QuietPeriod(milliseconds: quietMilliseconds), onChange)
    }
  }

  /// The thread ends soon after; `onChange` may be called once more.
  package func stop() { self.end.signal() }

  private func run(_ quiet: QuietPeriod, _ onChange: @Sendable () -> Void) {
    var quiet = quiet
    var entries = [
      self.inotify.descriptor.rawValue, self.timer.descriptor.rawValue,
      self.end.descriptor.rawValue,
    ].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      // The descriptors are ours, so that there is nothing to fail for but memory.
      do throws(SystemError) { try Poll.wait(&entries) } catch { return }
      if entries[2].revents != 0 { return }
      if entries[0].revents != 0 {
        _ = self.inotify.read()
        // Cannot fail for a good descriptor.
        try? self.timer.set(after: quiet.changed(now: UInt64(Clock.boot())))
      } else if entries[1].revents != 0 {
        self.timer.clear()
        quiet.told()
        onChange()
      }
    }
  }
}
