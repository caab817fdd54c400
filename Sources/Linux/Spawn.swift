import CLinux
import Glibc

/// A program to start: everything the child needs, made before the clone.
///
/// The Swift face of `clinux_spawn`, which is where the order of the steps stands.
package struct Spawn: ~Copyable {
  package struct ResourceLimit: Hashable, Sendable {
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64
    package init(resource: Int32, soft: UInt64, hard: UInt64) {
      self.resource = resource
      self.soft = soft
      self.hard = hard
    }
  }

  package struct User: Hashable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]
    package init(uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
      self.uid = uid
      self.gid = gid
      self.groups = groups
    }
  }

  package enum Program {
    /// An open program, by execveat(2). The caller keeps the descriptor open until `start` is done.
    case descriptor(CInt)
    /// Tried in turn as execvp(3) does.
    case paths([String])
  }

  package enum Outcome: ~Copyable {
    case started(pid: Int32, PIDFD)
    /// The child got as far as `step`, see `clinux_step`, and is reaped.
    case failed(step: Int32, errno: Int32)
  }

  package var program: Program
  package var arguments: [String]
  package var environment: [String] = []
  /// `descriptors[i]` becomes `i` in the child, all others are closed; at most 32.
  package var descriptors: [CInt]
  package var namespaces: UInt64 = 0
  package var cgroup: CInt = -1
  package var attach: [CInt] = []
  package var unsharesCgroup = false
  package var newSession = false
  /// Sets oom_score_adj to 0 by way of this proc(5).
  package var resetsOOMScoreIn: CInt?
  /// A user namespace to enter; `user` and `capabilities` are meant in it.
  package var userNamespace: CInt = -1
  package var resourceLimits: [ResourceLimit] = []
  package var user: User?
  /// Capabilities to keep as a bit set; nil leaves all as they are.
  package var capabilities: UInt64?
  package var noNewPrivileges = false
  /// The deny list of seccomp.c; needs `noNewPrivileges`.
  package var deniesSystemCalls = false
  package var workdir: String?

  package init(_ program: Program, arguments: [String], descriptors: [CInt]) {
    self.program = program
    self.arguments = arguments
    self.descriptors = descriptors
  }

  /// Returns once the child has executed its program, or with the step that failed.
  package consuming func start() throws(SystemError) -> Outcome {
    let errorPipe = try Pipe()
    // CLONE_VFORK: once the clone returns, the child has executed its program or ended, so the
    // pipe holds all it ever will, and an empty one means success.
    try errorPipe.readEnd.setNonBlocking()
    var pidfd: CInt = -1
    let pid = try self.clone(errorPipe: errorPipe.writeEnd.rawValue, pidfd: &pidfd)
    let process = PIDFD(owning: OwnedDescriptor(owning: pidfd))
    guard let failure = Self.failure(from: errorPipe.readEnd.rawValue) else {
      return .started(pid: pid, process)
    }
    _ = try process.reap(waiting: true)
    return .failed(step: failure.step, errno: failure.error)
  }

  private static func failure(from pipe: CInt) -> clinux_failure? {
    var failure = clinux_failure()
    let size = MemoryLayout<clinux_failure>.size
    return read(pipe, &failure, size) == size ? failure : nil
  }

  private func clone(errorPipe: CInt, pidfd: inout CInt) throws(SystemError) -> Int32 {
    var request = clinux_spawn()
    request.flags = self.namespaces
    request.cgroup = self.cgroup
    request.unshare_cgroup = self.unsharesCgroup ? 1 : 0
    request.new_session = self.newSession ? 1 : 0
    request.reset_oom_score = self.resetsOOMScoreIn == nil ? 0 : 1
    request.proc = self.resetsOOMScoreIn ?? -1
    request.user_namespace = self.userNamespace
    if let user = self.user {
      request.change_user = 1
      request.uid = user.uid
      request.gid = user.gid
    }
    request.keep_capabilities = self.capabilities == nil ? 1 : 0
    request.capabilities = self.capabilities ?? 0
    request.no_new_privs = self.noNewPrivileges ? 1 : 0
    request.deny_system_calls = self.deniesSystemCalls ? 1 : 0
    request.error_pipe = errorPipe
    request.exec_fd = -1
    return try self.clone(request, pidfd: &pidfd)
  }

  /// Lends every array to the request for the length of the call.
  private func clone(
    _ base: clinux_spawn, pidfd: inout CInt
  ) throws(SystemError) -> Int32 {
    var request = base
    var candidates: [String] = []
    switch self.program {
    case .descriptor(let descriptor): request.exec_fd = descriptor
    case .paths(let paths): candidates = paths
    }
    let limits = self.resourceLimits.map {
      clinux_rlimit(resource: $0.resource, soft: $0.soft, hard: $0.hard)
    }
    let groups = self.user?.groups ?? []
    let arguments = CStrings(self.arguments)
    let environment = CStrings(self.environment)
    let paths = CStrings(candidates)
    let workdir = CStrings(self.workdir.map { [$0] } ?? [])
    return try check("clone") {
      self.descriptors.withUnsafeBufferPointer { descriptors in
        self.attach.withUnsafeBufferPointer { attach in
          limits.withUnsafeBufferPointer { limits in
            groups.withUnsafeBufferPointer { groups in
              request.descriptors = descriptors.baseAddress
              request.descriptor_count = CInt(descriptors.count)
              request.attach = attach.baseAddress
              request.attach_count = CInt(attach.count)
              request.rlimits = limits.baseAddress
              request.rlimit_count = CInt(limits.count)
              request.groups = groups.baseAddress
              request.group_count = CInt(groups.count)
              request.argv = UnsafePointer(arguments.pointers)
              request.envp = UnsafePointer(environment.pointers)
              request.candidates = UnsafeRawPointer(paths.pointers)
                .assumingMemoryBound(to: UnsafePointer<CChar>?.self)
              request.candidate_count = CInt(candidates.count)
              request.workdir = workdir.pointers[0].map { UnsafePointer($0) }
              return clinux_spawn(&request, &pidfd)
            }
          }
        }
      }
    }
  }
}

/// Strings as a NULL-terminated array of C strings, for as long as it lives.
struct CStrings: ~Copyable {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    self.count = strings.count
    self.pointers = .allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      (self.pointers + index).initialize(to: strdup(string))
    }
    (self.pointers + strings.count).initialize(to: nil)
  }

  deinit {
    for index in 0..<self.count { free(self.pointers[index]) }
    self.pointers.deallocate()
  }
}
