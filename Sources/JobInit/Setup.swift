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
  static var steps: [SetupStep] {
    [
      // First: from here on the job cannot outlive its keeper, whatever fails below.
      SetupStep("lifeline") { plan, orders throws(SystemError) in try Lifeline.tie(to: orders) },
      // Before anything of the job runs: no core, and /proc/1 belongs to root.
      SetupStep("dumpable") { plan, orders throws(SystemError) in
        try check("prctl(PR_SET_DUMPABLE)") { clinux_set_undumpable() }
      },
      // Before the first mount: nothing below may reach the host.
      SetupStep("mount") { plan, orders throws(SystemError) in try Mounts.makePrivate() },
      // Needs the new PID namespace, which the clone made.
      SetupStep("mount") { plan, orders throws(SystemError) in try Mounts.mountProc() },
      // After /proc, as masks go on top of it.
      SetupStep("mount") { plan, orders throws(SystemError) in try Mounts.perform(plan.mounts) },
      // Needs CAP_NET_ADMIN in the new network namespace; the target has it no more.
      SetupStep("network") { plan, orders throws(SystemError) in try Network.raiseLoopback(plan) },
      // Needs CAP_SYS_ADMIN in the new UTS namespace.
      SetupStep("hostname") { plan, orders throws(SystemError) in
        try check("sethostname(\(plan.hostname))") {
          clinux_set_hostname(plan.hostname, plan.hostname.utf8.count)
        }
      },
    ]
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
