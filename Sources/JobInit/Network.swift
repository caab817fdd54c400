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
}
