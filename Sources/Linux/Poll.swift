package import Glibc

/// poll(2) over a few descriptors, for the single-threaded roles; a negative one is passed over.
package enum Poll {
  /// Waits for ever and fills each entry's `revents`. An interruption is an answer without events.
  package static func wait(_ entries: inout [pollfd]) throws(SystemError) {
    for index in entries.indices { entries[index].revents = 0 }
    if poll(&entries, nfds_t(entries.count), -1) == -1, errno != EINTR {
      throw SystemError(call: "poll", errno: errno)
    }
  }
}
