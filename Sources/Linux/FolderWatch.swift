import Glibc

/// Tells that something in one of some folders has changed, once they have been quiet for a moment: who
/// replaces several files is not caught between two of them. Folders that are never quiet are told of
/// all the same, a second after the first change.
package final class FolderWatch: Sendable {
  private let inotify: Inotify
  private let timer: TimerDescriptor
  private let end: EventDescriptor
  private let quiet: UInt64
  private static let patience: UInt64 = 1_000_000_000

  /// `onChange` is called on a thread of the watch's own, until `stop`.
  package init(
    _ folders: [String], quietMilliseconds: UInt64 = 100,
    onChange: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    self.inotify = try Inotify()
    self.timer = try TimerDescriptor()
    self.end = try EventDescriptor()
    self.quiet = quietMilliseconds * 1_000_000
    for folder in folders { _ = try self.inotify.watch(folder) }
    Threads.start(name: "watch") { self.run(onChange) }
  }

  /// The thread ends soon after; `onChange` may be called once more.
  package func stop() { self.end.signal() }

  private func run(_ onChange: @Sendable () -> Void) {
    var entries = [
      self.inotify.descriptor.rawValue, self.timer.descriptor.rawValue,
      self.end.descriptor.rawValue,
    ].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var latest: UInt64?  // when the change that came first has to be told
    while true {
      // The descriptors are ours, so that there is nothing to fail for but memory.
      do throws(SystemError) { try Poll.wait(&entries) } catch { return }
      if entries[2].revents != 0 { return }
      if entries[0].revents != 0 {
        _ = self.inotify.read()
        let now = UInt64(Clock.boot())
        let end = latest ?? now + Self.patience
        latest = end
        let left = end > now ? end - now : 1
        try? self.timer.set(after: min(self.quiet, left))  // cannot fail for a good descriptor
      } else if entries[1].revents != 0 {
        self.timer.clear()
        latest = nil
        onChange()
      }
    }
  }
}
