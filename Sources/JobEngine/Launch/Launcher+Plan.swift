import JobStore
import Linux

// What keeper and PID 1 are told.
extension Launcher {
  func hostMounts() throws(WorkerError) -> [MountInfo] {
    do throws(SystemError) {
      return try self.mounts.read()
    } catch {
      throw WorkerError(.internal, "the host's mounts cannot be read: \(error)")
    }
  }

  func mountPlan(_ id: JobID, _ mounts: [MountInfo]) -> MountPlan {
    // A host that does not tell is one whose /proc is not what it should be: mounts are read there as well.
    MountPlan(
      jobFolder: self.state.path(id), hidden: [self.state.path] + self.hidden, mounts: mounts,
      sockets: (try? NamedSockets.bound()) ?? [])
  }

  func plan(
    _ id: JobID, _ spec: JobSpec, _ user: ResolvedUser, _ cgroups: CgroupPlan, _ limits: Limits,
    _ mounts: [MountInfo]
  ) -> LaunchPlan {
    var plan = LaunchPlan(
      jobID: id.description, command: spec.command,
      environment: JobEnvironment.make(id: id, user: user, asked: spec.environment),
      workdir: spec.workingDirectory ?? JobFolders.work, hostname: "job-\(id)",
      user: Spawn.User(uid: user.uid, gid: user.gid, groups: user.groups),
      capabilities: user.capabilities(for: spec))
    plan.resourceLimits = Self.resourceLimits(limits.resources)
    plan.ownNetwork = spec.network != .host
    plan.mounts = self.mountPlan(id, mounts).steps(for: spec, as: user)
    plan.rootfs = spec.rootfs
    plan.rootIsReadOnly = spec.isReadOnly
    plan.deniesSystemCalls = spec.deniesSystemCalls
    if user.isNamespaceRoot {
      plan.user = Spawn.User(uid: 0, gid: 0, groups: [])
      plan.idRange = .init(first: user.uid, count: IDBlocks.size)
    }
    plan.cgroup2 = cgroups.unified
    plan.cgroupsV1 = cgroups.legacy
    plan.jobsGroup = self.layout.common
    plan.evidence = cgroups.evidence
    plan.timeout = spec.timeout.map { UInt64($0.nanoseconds) }
    plan.cpuTime = spec.cpuTime.map { UInt64($0.nanoseconds) }
    plan.outputQuota = JournalQuota(spec)
    plan.segmentSize = plan.outputQuota.segmentSize
    return plan
  }

  /// What the worker itself was given must not decide what a job gets; what nobody asked for is only
  /// ever lowered, as raising it needs CAP_SYS_RESOURCE.
  private static func resourceLimits(
    _ asked: [Resource: ResourceLimit]
  ) -> [Spawn.ResourceLimit] {
    let files = CurrentProcess.resourceLimit(Resource.nofile.number)
    let core = CurrentProcess.resourceLimit(Resource.core.number)
    let hard = min(files.hard, 524_288)
    var limits: [Resource: ResourceLimit] = [
      .nofile: ResourceLimit(soft: min(1024, hard), hard: hard),
      // Not 0, with which a program that the host's core_pattern names is started all the same, as root and
      // outside of the job: 1 is the number that says none, see core(5).
      .core: ResourceLimit(soft: min(1, core.hard), hard: core.hard),
    ]
    limits.merge(asked) { $1 }
    return limits.sorted { $0.key.number < $1.key.number }.map { resource, limit in
      Spawn.ResourceLimit(
        resource: resource.number, soft: limit.soft ?? .max, hard: limit.hard ?? .max)
    }
  }
}
