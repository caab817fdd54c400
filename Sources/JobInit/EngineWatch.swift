import Glibc
import Linux

/// A keeper's view of the engine that started it: the end of a pipe whose other end that engine holds until
/// it closes or dies.
struct EngineWatch: ~Copyable {
  private let pipe: OwnedDescriptor

  init(_ pipe: consuming OwnedDescriptor) { self.pipe = pipe }

  var engineIsThere: Bool {
    var entries = [pollfd(fd: self.pipe.rawValue, events: 0, revents: 0)]
    // Fails only for lack of memory; then as if it were gone, for nothing to be left behind.
    guard (try? Poll.wait(&entries, milliseconds: 0)) != nil else { return false }
    return entries[0].revents & Int16(POLLHUP) == 0
  }
}
