import CLinux
import JobStore
import Linux

/// A job's network.
enum Network {
  /// A new network namespace has a loopback interface that is down, see network_namespaces(7).
  static func raiseLoopback(_ plan: LaunchPlan) throws(SystemError) {
    guard plan.ownNetwork else { return }
    try check("ioctl(SIOCSIFFLAGS, lo)") { clinux_loopback_up() }
  }

  /// Moves this process into a network namespace for the job to come; false where that fails, and then
  /// the job's first process makes its own.
  static func makeAhead() -> Bool { clinux_unshare_network() == 0 }
}
