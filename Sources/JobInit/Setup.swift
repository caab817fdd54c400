import CLinux
import Glibc
import JobStore
import Linux

/// One action of a job's set-up inside its namespaces.
struct SetupStep {
  let name: String
  let action: (LaunchPlan, borrowing OwnedDescriptor) throws(SystemError) -> Void

  init(
    _ name: String,
    _ action: @escaping (LaunchPlan, borrowing OwnedDescriptor) throws(SystemError) -> Void
  ) {
    self.name = name
    self.action = action
  }

  func run(_ plan: LaunchPlan, _ orders: borrowing OwnedDescriptor) throws(InitFailure) {
    do throws(SystemError) { try self.action(plan, orders) } catch {
      throw InitFailure(step: self.name, error)
    }
  }
}

/// The set-up of a job, in the order in which it must happen.
enum Setup {
  static var before: [SetupStep] {
    [
      // First: from here on the job cannot outlive its keeper, whatever fails below.
      SetupStep("lifeline") { plan, orders throws(SystemError) in try Lifeline.tie(to: orders) },
      // Before anything of the job runs: no core, and /proc/1 belongs to root.
      SetupStep("dumpable") { plan, orders throws(SystemError) in
        try check("prctl(PR_SET_DUMPABLE)") { clinux_set_undumpable() }
      },
      // Before anything of the job runs: whoever holds the server's keyring may read its keys.
      SetupStep("keyring") { plan, orders throws(SystemError) in try Keyring.leave() },
    ]
  }

  // Between the two: `Mounts.build`, which gives back what the target's start needs.

  static var after: [SetupStep] {
    [
      // Needs CAP_NET_ADMIN in the new network namespace; the target has it no more.
      SetupStep("network") { plan, orders throws(SystemError) in try Network.raiseLoopback(plan) },
      // Needs CAP_SYS_ADMIN in the new UTS namespace.
      SetupStep("hostname") { plan, orders throws(SystemError) in
        try check("sethostname(\(plan.hostname))") {
          clinux_set_hostname(plan.hostname, plan.hostname.utf8.count)
        }
      },
      // The target inherits it. Here, as one is dropped a call, and ahead of a job that has time.
      SetupStep("capabilities") { plan, orders throws(SystemError) in
        try check("prctl(PR_CAPBSET_DROP)") { clinux_drop_bounding(plan.capabilities) }
      },
    ]
  }
}

/// The kernel's keys, see keyrings(7).
enum Keyring {
  /// A session keyring is inherited, and possession counts for more than the user id.
  static func leave() throws(SystemError) {
    do throws(SystemError) {
      try check("keyctl(JOIN_SESSION_KEYRING)") { clinux_new_session_keyring() }
    } catch {
      // A kernel without keyrings, or a sandbox that denies the call: the job is denied it as well.
      guard error.errno == ENOSYS || error.errno == EPERM else { throw error }
    }
  }
}

/// What makes a job die with its keeper.
enum Lifeline {
  /// PR_SET_PDEATHSIG, see prctl(2); safe here because the keeper has one thread only.
  static func tie(to orders: borrowing OwnedDescriptor) throws(SystemError) {
    try check("prctl(PR_SET_PDEATHSIG)") { clinux_die_with_parent() }
    // The keeper may have died before the call: then its end of this pipe is closed.
    var entry = pollfd(fd: orders.rawValue, events: Int16(POLLIN), revents: 0)
    if poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLHUP) != 0 {
      throw SystemError(call: "keeper", errno: EPIPE)
    }
    // What the job makes is for the job to protect; the keeper's own files were 0600.
    umask(0o022)
  }
}
