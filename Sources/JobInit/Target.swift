import CLinux
import Glibc
import JobStore
import Linux

/// The user's command.
enum Target {
  /// Starts it as a child of PID 1; returns once it was executed.
  static func start(
    _ plan: LaunchPlan, _ kept: consuming Mounts.Kept
  ) throws(InitFailure) -> Int32 {
    var spawn = Spawn(
      .paths(self.candidates(plan)), arguments: plan.command, descriptors: [0, 1, 2])
    spawn.environment = plan.environment
    spawn.newSession = true
    spawn.resetsOOMScoreIn = kept.proc.rawValue
    spawn.userNamespace = kept.userNamespace
    spawn.resourceLimits = plan.resourceLimits
    spawn.user = plan.user
    spawn.capabilities = plan.capabilities
    spawn.noNewPrivileges = true
    spawn.deniesSystemCalls = plan.deniesSystemCalls
    spawn.workdir = plan.workdir
    let outcome: Spawn.Outcome
    do throws(SystemError) { outcome = try spawn.start() } catch {
      throw InitFailure(step: "clone", error)
    }
    switch consume outcome {
    case .started(let pid, _): return pid
    case .failed(let step, let errno): throw self.failure(plan, step: step, errno: errno)
    }
  }

  /// As execvp(3): a name without a slash is looked for in the job's PATH.
  static func candidates(_ plan: LaunchPlan) -> [String] {
    let program = plan.command[0]
    if program.contains("/") { return [program] }
    let path = plan.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(program)" }
  }

  private static func failure(_ plan: LaunchPlan, step: Int32, errno: Int32) -> InitFailure {
    let (name, what): (String, String) =
      switch UInt32(step) {
      case CLINUX_STEP_DESCRIPTORS.rawValue: ("descriptors", plan.command[0])
      case CLINUX_STEP_SESSION.rawValue: ("setsid", plan.command[0])
      case CLINUX_STEP_OOM_SCORE.rawValue: ("oom_score_adj", "/proc/self/oom_score_adj")
      case CLINUX_STEP_RLIMITS.rawValue: ("setrlimit", plan.command[0])
      case CLINUX_STEP_GROUPS.rawValue: ("setgroups", "\(plan.user.groups)")
      case CLINUX_STEP_GID.rawValue: ("setgid", "\(plan.user.gid)")
      case CLINUX_STEP_UID.rawValue: ("setuid", "\(plan.user.uid)")
      case CLINUX_STEP_CAPABILITIES.rawValue: ("capabilities", plan.command[0])
      case CLINUX_STEP_NO_NEW_PRIVS.rawValue: ("no_new_privs", plan.command[0])
      case CLINUX_STEP_USER_NAMESPACE.rawValue: ("setns", "user namespace")
      case CLINUX_STEP_SECCOMP.rawValue: ("seccomp", plan.command[0])
      case CLINUX_STEP_WORKDIR.rawValue: ("chdir", plan.workdir)
      case CLINUX_STEP_EXEC.rawValue: ("exec", plan.command[0])
      default: ("clone", plan.command[0])
      }
    return InitFailure(step: name, what: what, errno: errno)
  }
}
