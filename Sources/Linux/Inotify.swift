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

  /// As `Event`, by the names in the watched folders.
  package enum NameEvent: Hashable, Sendable {
    case changed(watch: CInt, name: String)
    case ended(watch: CInt)
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

  /// Watches a folder for names that come to be or go; with `files` also for writes to its files.
  package borrowing func watchNames(in path: String, files: Bool) throws(SystemError) -> CInt {
    let raw = self.descriptor.rawValue
    return try check("inotify_add_watch(\(path))") {
      clinux_inotify_watch_names(raw, path, files ? 1 : 0)
    }
  }

  package borrowing func unwatch(_ watch: CInt) {
    // EINVAL: the watch ended by itself, as its folder was deleted.
    _ = clinux_inotify_unwatch(self.descriptor.rawValue, watch)
  }

  /// The events that are there; empty when there are none.
  package borrowing func read() -> [Event] {
    var events: [Event] = []
    self.readRecords { watch, mask, _ in
      let event: Event =
        mask & UInt32(CLINUX_IN_Q_OVERFLOW) != 0
        ? .overflow
        : mask & UInt32(CLINUX_IN_IGNORED) != 0 ? .ended(watch: watch) : .changed(watch: watch)
      if events.last != event { events.append(event) }
    }
    return events
  }

  /// As `read`, with the names.
  package borrowing func readNames() -> [NameEvent] {
    var events: [NameEvent] = []
    self.readRecords { watch, mask, name in
      if mask & UInt32(CLINUX_IN_Q_OVERFLOW) != 0 { return events.append(.overflow) }
      if mask & UInt32(CLINUX_IN_IGNORED) != 0 { return events.append(.ended(watch: watch)) }
      let text = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
      events.append(.changed(watch: watch, name: text))
    }
    return events
  }

  /// Gives `body` each event that is there: watch, mask, and the name, which is filled up with NUL.
  private borrowing func readRecords(_ body: (CInt, UInt32, UnsafeRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(self.descriptor.rawValue, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }  // EAGAIN: all read
        Self.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), body)
      }
    }
  }

  private static func parse(
    _ buffer: UnsafeRawBufferPointer, _ body: (CInt, UInt32, UnsafeRawBufferPointer) -> Void
  ) {
    var offset = 0
    while offset + 16 <= buffer.count {
      let watch = buffer.loadUnaligned(fromByteOffset: offset, as: CInt.self)
      let mask = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      let nameLength = buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self)
      let end = min(offset + 16 + Int(nameLength), buffer.count)
      body(watch, mask, UnsafeRawBufferPointer(rebasing: buffer[(offset + 16)..<end]))
      offset = end
    }
  }
}
