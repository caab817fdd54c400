import CLinux
import Glibc

/// A process, held by a pidfd: unlike a number it can never come to mean another process.
package struct PIDFD: ~Copyable, Sendable {
  package let descriptor: OwnedDescriptor

  package init(owning descriptor: consuming OwnedDescriptor) {
    self.descriptor = descriptor
  }

  /// pidfd_open(2).
  package init(process: Int32) throws(SystemError) {
    self.descriptor = OwnedDescriptor(
      owning: try check("pidfd_open(\(process))") { clinux_pidfd_open(process) })
  }

  /// pidfd_send_signal(2); ESRCH when the process has ended.
  package borrowing func signal(_ number: CInt) throws(SystemError) {
    let raw = self.descriptor.rawValue
    try check("pidfd_send_signal(\(number))") { clinux_pidfd_send_signal(raw, number) }
  }

  /// Reaps a child of ours that has ended, see waitid(2); nil while it runs.
  package borrowing func reap(waiting: Bool) throws(SystemError) -> ProcessEnd? {
    let raw = self.descriptor.rawValue
    var code: CInt = 0
    var status: CInt = 0
    let result = try check("waitid(P_PIDFD)") {
      clinux_waitid_pidfd(raw, waiting ? 0 : 1, &code, &status)
    }
    guard result == 1 else { return nil }
    return code == CLINUX_CLD_EXITED ? .exited(code: status) : .signaled(number: status)
  }
}

/// How a process ended: by exit or by a signal, never both in one number.
package enum ProcessEnd: Hashable, Sendable {
  case exited(code: Int32)
  case signaled(number: Int32)
}
