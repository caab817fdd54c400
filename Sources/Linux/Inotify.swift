import CLinux
import Glibc

/// inotify(7). An event says "look", never "how much": equal events merge, and the queue may overflow.
package struct Inotify: ~Copyable, Sendable {
  package enum Event: Hashable, Sendable {
    /// Something of this watch changed.
    case changed(watch: CInt)
    /// The watch is gone (removed by us, or the folder was deleted).
    case ended(watch: CInt)
    /// Events were lost: look at everything.
    case overflow
  }

  package let descriptor: OwnedDescriptor

  package init() throws(SystemError) {
    self.descriptor = OwnedDescriptor(owning: try check("inotify_init1") { clinux_inotify() })
  }

  /// Watches a folder for writes to its files and for files that appear or are renamed into it.
  package borrowing func watch(_ path: String) throws(SystemError) -> CInt {
    let raw = self.descriptor.rawValue
    return try check("inotify_add_watch(\(path))") { clinux_inotify_watch(raw, path) }
  }

  package borrowing func unwatch(_ watch: CInt) {
    // EINVAL: the watch ended by itself, as its folder was deleted.
    _ = clinux_inotify_unwatch(self.descriptor.rawValue, watch)
  }

  /// The events that are there; empty when there are none.
  package borrowing func read() -> [Event] {
    var events: [Event] = []
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(self.descriptor.rawValue, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }  // EAGAIN: all read
        Self.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), into: &events)
      }
    }
    return events
  }

  private static func parse(_ buffer: UnsafeRawBufferPointer, into events: inout [Event]) {
    var offset = 0
    while offset + 16 <= buffer.count {
      let watch = buffer.loadUnaligned(fromByteOffset: offset, as: CInt.self)
      let mask = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      let nameLength = buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self)
      offset += 16 + Int(nameLength)
      let event: Event =
        mask & UInt32(CLINUX_IN_Q_OVERFLOW) != 0
        ? .overflow
        : mask & UInt32(CLINUX_IN_IGNORED) != 0 ? .ended(watch: watch) : .changed(watch: watch)
      if events.last != event { events.append(event) }
    }
  }
}
