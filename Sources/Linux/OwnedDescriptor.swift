import Glibc

/// A file descriptor with exactly one owner, closed at the end of its life.
///
/// Every one is close-on-exec from birth; a child gets its descriptors by an explicit map only
/// (see `Spawn`).
package struct OwnedDescriptor: ~Copyable, Sendable {
  package let rawValue: CInt

  /// Takes over `rawValue`; the caller must not close it.
  package init(owning rawValue: CInt) {
    self.rawValue = rawValue
  }

  deinit {
    // close(2): the descriptor is gone whatever is returned, so there is nothing to retry.
    _ = Glibc.close(self.rawValue)
  }

  /// Gives the descriptor away: the caller closes it.
  package consuming func release() -> CInt {
    let rawValue = self.rawValue
    discard self
    return rawValue
  }

  /// A second descriptor of the same open file, at `minimum` or above.
  package borrowing func duplicate(minimum: CInt = 3) throws(SystemError) -> OwnedDescriptor {
    let raw = self.rawValue
    return OwnedDescriptor(
      owning: try check("fcntl(F_DUPFD_CLOEXEC)") { fcntl(raw, F_DUPFD_CLOEXEC, minimum) })
  }

  /// dup2(2): `number` becomes a copy of this one, close-on-exec; what it was is closed.
  package borrowing func copy(over number: CInt) {
    _ = dup2(self.rawValue, number)  // fails only for numbers that cannot be
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
  }

  /// fchown(2).
  package borrowing func setOwner(uid: UInt32, gid: UInt32) throws(SystemError) {
    let raw = self.rawValue
    try check("fchown(\(uid):\(gid))") { fchown(raw, uid, gid) }
  }

  package borrowing func setNonBlocking(_ on: Bool = true) throws(SystemError) {
    let raw = self.rawValue
    let flags = try check("fcntl(F_GETFL)") { fcntl(raw, F_GETFL) }
    let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    try check("fcntl(F_SETFL)") { fcntl(raw, F_SETFL, wanted) }
  }
}
