package import Glibc

/// poll(2) over a few descriptors, for the single-threaded roles; a negative one is passed over.
package enum Poll {
  /// Waits for ever or so many milliseconds, and fills each entry's `revents`. An interruption and
  /// the end of the time are answers without events.
  package static func wait(
    _ entries: inout [pollfd], milliseconds: Int64? = nil
  ) throws(SystemError) {
    for index in entries.indices { entries[index].revents = 0 }
    let timeout = milliseconds.map { CInt(clamping: $0) } ?? -1
    if poll(&entries, nfds_t(entries.count), timeout) == -1, errno != EINTR {
      throw SystemError(call: "poll", errno: errno)
    }
  }

  /// Bytes that can be read from a pipe now, FIONREAD of pipe(7).
  package static func available(_ pipe: borrowing OwnedDescriptor) -> Int {
    var count: CInt = 0
    // Cannot fail for a good pipe; then more than most can hold.
    return ioctl(pipe.rawValue, UInt(FIONREAD), &count) == 0 ? Int(count) : 2 << 20
  }
}
