import CLinux
import Glibc
import JobStore
import Linux

/// PID 1 as its keeper holds it.
struct Birth: ~Copyable {
  /// Taken at once: it is there to be read for as long as nobody reaps it.
  let identity: ProcessIdentity
  let process: PIDFD
  let stdout: OwnedDescriptor
  let stderr: OwnedDescriptor
  /// From PID 1.
  let messages: OwnedDescriptor
  /// To PID 1: one signal number a byte.
  let orders: OwnedDescriptor

  var pid: Int32 { self.identity.pid }

  /// Clones PID 1 into its namespaces and its cgroups.
  static func clone(_ plan: LaunchPlan, hasNetwork: Bool) throws(InitFailure) -> Birth {
    do throws(SystemError) {
      let memory = try SealedMemory.make(name: "plan", plan.encoded())
      return try self.make(plan, role: "pid1", input: memory, hasNetwork: hasNetwork)
    } catch {
      throw InitFailure(step: "clone", error)
    }
  }

  /// To another user than that of the plan it was made with.
  func giveOutput(to owner: Spawn.User) throws(SystemError) {
    try self.stdout.setOwner(uid: owner.uid, gid: owner.gid)
    try self.stderr.setOwner(uid: owner.uid, gid: owner.gid)
  }

  /// `input` becomes its descriptor 3.
  static func make(
    _ plan: LaunchPlan, role: String, input: borrowing OwnedDescriptor, hasNetwork: Bool
  ) throws(SystemError) -> Birth {
    let stdout = try Pipe()
    let stderr = try Pipe()
    let messages = try Pipe()
    let orders = try Pipe()
    // A pipe is its maker's, 0600: `echo > /dev/stderr` opens it anew and would be refused.
    let owner = plan.hostUser
    try stdout.writeEnd.setOwner(uid: owner.uid, gid: owner.gid)
    try stderr.writeEnd.setOwner(uid: owner.uid, gid: owner.gid)
    let null = try File.open("/dev/null", O_RDWR)
    let program = try File.open("/proc/self/exe", OpenFlags.path)
    let cgroup = try plan.cgroup2.map { path throws(SystemError) in
      try File.openFolder(path).release()
    }
    defer { if let cgroup { close(cgroup) } }
    let attach = try self.openTasks(plan)
    defer { for descriptor in attach { close(descriptor) } }

    var spawn = Spawn(
      .descriptor(program.rawValue), arguments: ["worker", "init", role],
      descriptors: [
        null.rawValue, stdout.writeEnd.rawValue, stderr.writeEnd.rawValue, input.rawValue,
        orders.readEnd.rawValue, messages.writeEnd.rawValue,
      ])
    spawn.namespaces = Namespace.cloneFlags(for: plan, hasNetwork: hasNetwork)
    spawn.cgroup = cgroup ?? -1
    spawn.attach = attach
    spawn.unsharesCgroup = spawn.namespaces & Namespace.cgroup.cloneFlag == 0
    switch try spawn.start() {
    case .failed(let step, let errno):
      throw SystemError(call: self.stepName(step), errno: errno)
    case .started(let pid, let process):
      try messages.readEnd.setNonBlocking()
      try stdout.readEnd.setNonBlocking()
      try stderr.readEnd.setNonBlocking()
      // A PID 1 that is frozen takes no orders, and must not hold up who gives them.
      try orders.writeEnd.setNonBlocking()
      return Birth(
        identity: try ProcessIdentity(of: pid), process: process, stdout: stdout.takeReadEnd(),
        stderr: stderr.takeReadEnd(),
        messages: messages.takeReadEnd(), orders: orders.takeWriteEnd())
    }
  }

  /// `tasks` and not `cgroup.procs`: for a process with one thread they mean the same, and the
  /// latter takes milliseconds on an idle kernel.
  static func openTasks(_ plan: LaunchPlan) throws(SystemError) -> [CInt] {
    var opened: [CInt] = []
    do throws(SystemError) {
      for path in plan.cgroupsV1 {
        opened.append(try File.open("\(path)/tasks", O_WRONLY).release())
      }
      return opened
    } catch {
      for descriptor in opened { close(descriptor) }
      throw error
    }
  }

  private static func stepName(_ step: Int32) -> String {
    switch UInt32(step) {
    case CLINUX_STEP_ATTACH.rawValue: "attach to the cgroups"
    case CLINUX_STEP_CGROUP_NAMESPACE.rawValue: "unshare(CLONE_NEWCGROUP)"
    default: "exec of the worker binary"
    }
  }
}
