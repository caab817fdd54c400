import CLinux
import Glibc
import JobStore
import Linux

/// PID 1 of the helper's PID namespace: starts the helper, and takes it along when it dies.
enum NetworkGuard {
  static func run(_ program: String) -> Never {
    let lifeline = Inherited.take(3)
    let answer = Inherited.take(4)
    let user = Inherited.take(5)
    let network = Inherited.take(6)
    Threads.nameCurrent("worker-network")  // an execveat leaves a descriptor's number as the name
    do throws(SystemError) {
      try Lifeline.tie(to: lifeline)
      try check("prctl(PR_SET_DUMPABLE)") { clinux_set_undumpable() }
      try self.makeDevices(network)
      // It has told the keeper itself what is wrong.
      guard try self.startHelper(program, user) else { _exit(1) }
      try File.writeAll([1], to: answer)
    } catch {
      // What the keeper reads when no answer comes.
      try? File.writeAll(Array("\(error)\n".utf8), to: Inherited.take(STDERR_FILENO))
      _exit(1)
    }
    self.closeComplaints()
    self.reapAll()
    _exit(0)  // the helper has ended: the job goes on without a way out
  }

  /// The helper comes to the network by a path, as it closes what it inherits.
  private static func makeDevices(_ network: borrowing OwnedDescriptor) throws(SystemError) {
    let root = try File.open("/", OpenFlags.path)
    try MountNamespace.seal(root, Mounts.safe.union(.readOnly))
    let devices = try HelperDevices.mount()
    let place = try File.open(HelperDevices.network, in: devices.descriptor, OpenFlags.path)
    try devices.attach(on: try File.open("/dev", OpenFlags.path))
    try DetachedMount(copying: network).attach(on: place)
  }

  /// True when it has gone into the background, which it does once the network is there.
  private static func startHelper(
    _ program: String, _ user: borrowing OwnedDescriptor
  ) throws(SystemError) -> Bool {
    let arguments = OutgoingNetwork.arguments(program, namespace: "/dev/\(HelperDevices.network)")
    var spawn = Spawn(.paths([program]), arguments: arguments, descriptors: [0, 1, 2])
    spawn.environment = ["PATH=/usr/bin:/bin"]
    spawn.newSession = true
    spawn.userNamespace = user.rawValue
    spawn.user = Spawn.User(uid: 0, gid: 0)
    spawn.noNewPrivileges = true
    spawn.workdir = "/"
    switch try spawn.start() {
    case .failed(_, let errno): throw SystemError(call: "exec(\(program))", errno: errno)
    case .started(_, let process):
      return try process.reap(waiting: true) == .exited(code: 0)
    }
  }

  private static func closeComplaints() {
    guard let null = try? File.open("/dev/null", O_RDWR) else { return }
    null.copy(over: STDOUT_FILENO)
    null.copy(over: STDERR_FILENO)
  }

  private static func reapAll() {
    var status: CInt = 0
    while waitpid(-1, &status, 0) > 0 || errno == EINTR {}
  }
}
