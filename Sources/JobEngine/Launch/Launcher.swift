import Glibc
import JobStore
import Linux

/// A keeper as the engine holds it.
final class KeeperProcess: Waitable {
  let process: PIDFD

  init(_ process: consuming PIDFD) {
    self.process = process
  }

  var descriptor: CInt { self.process.descriptor.rawValue }

  /// Takes the status of a keeper that has ended. One that an earlier worker started is no child of
  /// ours (ECHILD), and is reaped by others: nil.
  @discardableResult
  func reap() -> ProcessEnd? {
    try? self.process.reap(waiting: false)
  }
}

/// A start under way: the keeper was executed and will say how it went.
final class Launch: Waitable {
  let keeper: KeeperProcess
  private let answer: OwnedDescriptor

  init(keeper: KeeperProcess, answer: consuming OwnedDescriptor) {
    self.keeper = keeper
    self.answer = answer
  }

  var descriptor: CInt { self.answer.rawValue }

  /// The keeper's one message; nil when it ended without any. To be called once it is ready.
  func message() -> InitMessage? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // One message is one write of less than PIPE_BUF bytes, so one read has it whole.
    guard
      case .bytes(let count)? = try? File.read(
        self.answer, into: &buffer, at: 0, count: buffer.count)
    else { return nil }
    buffer.removeLast(buffer.count - count)
    return InitMessage.take(from: &buffer)
  }
}

/// Turns a job into a folder, a cgroup and a running keeper. All of it blocks.
struct Launcher: Sendable {
  let state: StateDirectory
  let layout: CgroupLayout
  let hidden: [String]
  var totals = HostTotals()
  let spare: SpareKeeper
  let networkProgram: NetworkProgram

  /// Does all that comes before the keeper's own work; leaves nothing behind when it fails.
  func launch(_ job: Job, as user: ResolvedUser) throws(WorkerError) -> Launch {
    try self.keepID(of: job.record)
    try CgroupRoot.prepare(self.layout)
    let limits = self.totals.filling(job.record.spec.limits, self.layout)
    let host = self.host(for: limits, of: job.record.spec)
    let survey = LimitSurvey(limits, layout: self.layout, host: host)
    if !limits.bestEffort, let (name, reason) = survey.refusal {
      throw WorkerError(.failedPrecondition, "cannot limit \(name.text): \(reason)")
    }
    let outgoing = try self.networkProgram.outgoing(for: job.record.spec, uid: user.uid)
    let plan = CgroupPlan(
      id: job.id, limits: survey.enforceable, disks: host.disks.all, layout: self.layout)
    if job.record.spec.cpuTime != nil { try plan.checkCountsCPUTime() }
    do throws(WorkerError) {
      return try self.launch(job, as: user, plan, survey, outgoing)
    } catch {
      Remains.discard(job.id, in: self.state)
      throw error
    }
  }

  /// Before the job can leave anything.
  private func keepID(of record: JobRecord) throws(WorkerError) {
    guard record.spec.mayLeaveFiles else { return }
    let key = LastingIDs.Key(
      owner: record.owner, hasUserNamespace: record.spec.hasUserNamespace)
    do throws(SystemError) {
      try LastingIDFolder(in: self.state).keep(record.uid, for: key)
    } catch {
      throw WorkerError(
        .internal, "cannot keep the user id of the jobs of \(record.owner): \(error)")
    }
  }

  private func launch(
    _ job: Job, as user: ResolvedUser, _ plan: CgroupPlan, _ survey: LimitSurvey,
    _ outgoing: OutgoingNetwork?
  ) throws(WorkerError) -> Launch {
    let place: Place
    do throws(SystemError) {
      place = try self.makePlace(job, user, plan, survey.enforceable, outgoing)
    } catch {
      throw WorkerError(making: "the folder of job \(job.id)", error)
    }
    let (cgroup, held) = try Cgroup.make(plan, bestEffort: survey.enforceable.bestEffort)
    let applied = survey.applied(held)
    job.state.change { lifecycle in
      lifecycle.applied = applied
      lifecycle.usageFiles = plan.evidence + Usage.currentFiles(of: cgroup)
    }
    do throws(SystemError) { return try self.start(job, place, cgroup, applied) } catch {
      throw WorkerError(.internal, "cannot start the keeper of job \(job.id): \(error)")
    }
  }

  /// A job's folder, and its lock.
  private struct Place: ~Copyable {
    let folder: OwnedDescriptor
    let lock: OwnedDescriptor
  }

  private func makePlace(
    _ job: Job, _ user: ResolvedUser, _ cgroups: CgroupPlan, _ limits: Limits,
    _ outgoing: OutgoingNetwork?
  ) throws(SystemError) -> Place {
    let folder = try self.state.make(job.id)
    // Before anything can be seen: who finds the folder and the lock free finds a dead job.
    let lock = try File.open(JobDirectory.lock, in: folder, O_RDWR | O_CREAT | O_EXCL)
    _ = try File.tryLock(lock)
    try File.makeFIFO(JobDirectory.control, in: folder)
    try JobFolders.make(in: folder, for: job.record.spec, as: user)
    // Before the cgroups are made: should we die, nothing else says which are this job's.
    var plan = try self.plan(job, user, cgroups, limits)
    plan.outgoing = outgoing
    try File.replace(JobDirectory.launch, in: folder, with: plan.encoded(), durable: false)
    return Place(folder: folder, lock: lock)
  }

  private func start(
    _ job: Job, _ place: borrowing Place, _ cgroup: Cgroup, _ applied: [String: AppliedLimit]
  ) throws(SystemError) -> Launch {
    var record = job.record
    record.applied = applied
    record.bootID = try ProcessIdentity.bootID()
    try File.replace(JobDirectory.spec, in: place.folder, with: record.encoded(), durable: false)
    let launch = try self.keeper(for: job, place.folder, place.lock)
    // While the keeper sets up, what was asked goes to disk: it is there before anyone is told. The
    // keeper's plan means nothing after a power loss.
    do throws(SystemError) {
      try self.sync(place.folder)
    } catch {
      // The keeper runs already: it is told to end, and its folder goes when it has.
      try? launch.keeper.process.signal(SIGKILL)
      _ = try? launch.keeper.process.reap(waiting: true)
      throw error
    }
    return launch
  }

  /// The folder first, while the keeper has not yet changed it: where file systems keep a journal, one
  /// commit then holds everything, and what follows finds nothing left to do. For that the file's own
  /// bytes must be on their way before.
  private func sync(_ folder: borrowing OwnedDescriptor) throws(SystemError) {
    let spec = try File.open(JobDirectory.spec, in: folder, O_RDONLY)
    File.startWriting(spec)
    try self.state.syncJobs(folder)
    try File.sync(spec)
  }

  private func plan(
    _ job: Job, _ user: ResolvedUser, _ cgroups: CgroupPlan, _ limits: Limits
  ) throws(SystemError) -> LaunchPlan {
    let spec = job.record.spec
    var plan = LaunchPlan(
      jobID: job.id.description, command: spec.command,
      environment: JobEnvironment.make(id: job.id, user: user, asked: spec.environment),
      workdir: spec.workingDirectory ?? JobFolders.work, hostname: "job-\(job.id)",
      user: Spawn.User(uid: user.uid, gid: user.gid, groups: user.groups),
      capabilities: user.capabilities(for: spec))
    plan.resourceLimits = Self.resourceLimits(limits.resources)
    plan.ownNetwork = spec.network != .host
    let mounts = MountPlan(
      jobFolder: self.state.path(job.id), hidden: [self.state.path] + self.hidden,
      mounts: MountInfo.parse(try File.readText("/proc/self/mountinfo", limit: 64 << 20)))
    plan.mounts = mounts.steps(for: spec, as: user)
    plan.rootfs = spec.rootfs
    plan.rootIsReadOnly = spec.isReadOnly
    plan.deniesSystemCalls = spec.deniesSystemCalls
    if user.isNamespaceRoot {
      plan.user = Spawn.User(uid: 0, gid: 0, groups: [])
      plan.idRange = .init(first: user.uid, count: IDBlocks.size)
    }
    plan.cgroup2 = cgroups.unified
    plan.cgroupsV1 = cgroups.legacy
    plan.evidence = cgroups.evidence
    plan.timeout = spec.timeout.map { UInt64($0.nanoseconds) }
    plan.cpuTime = spec.cpuTime.map { UInt64($0.nanoseconds) }
    plan.outputQuota = JournalQuota(spec)
    plan.segmentSize = plan.outputQuota.segmentSize
    return plan
  }

  /// The spare one, which has a network of its own already, or a fresh one.
  private func keeper(
    for job: Job, _ folder: borrowing OwnedDescriptor, _ lock: borrowing OwnedDescriptor
  ) throws(SystemError) -> Launch {
    let answer = try Pipe()
    if job.record.spec.network == .none,
      let keeper = self.spare.take(folder: folder, lock: lock, answer: answer.writeEnd)
    {
      return Launch(keeper: keeper, answer: answer.takeReadEnd())
    }
    return try self.spawn(folder, lock, answer)
  }

  private func spawn(
    _ folder: borrowing OwnedDescriptor, _ lock: borrowing OwnedDescriptor,
    _ answer: consuming Pipe
  ) throws(SystemError) -> Launch {
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(
      .descriptor(self.state.program), arguments: ["worker", "init", "keeper"],
      descriptors: [
        null.rawValue, null.rawValue, null.rawValue, folder.rawValue, lock.rawValue,
        answer.writeEnd.rawValue,
      ])
    spawn.newSession = true
    switch try spawn.start() {
    case .started(_, let process):
      return Launch(keeper: KeeperProcess(process), answer: answer.takeReadEnd())
    case .failed(_, let errno):
      throw SystemError(call: "exec(worker init)", errno: errno)
    }
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
      .core: ResourceLimit(soft: 0, hard: core.hard),
    ]
    limits.merge(asked) { $1 }
    return limits.sorted { $0.key.number < $1.key.number }.map { resource, limit in
      Spawn.ResourceLimit(
        resource: resource.number, soft: limit.soft ?? .max, hard: limit.hard ?? .max)
    }
  }

  func host(for limits: Limits, of spec: JobSpec) -> HostFacts {
    HostFacts.read(self.layout, disks: limits.limitsIO ? self.disks(spec) : .found([]))
  }

  /// The disks that IO limits are set on.
  private func disks(_ spec: JobSpec) -> HostFacts.Disks {
    let mounts: [MountInfo]
    do throws(SystemError) {
      mounts = MountInfo.parse(try File.readText("/proc/self/mountinfo", limit: 64 << 20))
    } catch {
      return .failure("the host's mounts cannot be read: \(error)")
    }
    // A root in memory, as in small guests, has no disk, and neither has a bind from there.
    let root = spec.rootfs ?? "/"
    let places = ([root] + spec.binds.filter(\.isWritable).map(\.source))
      .filter { !FileSystem.isInMemory($0) }
    // What is mounted in the tree that the job sees, and what else it may read.
    let seen = mounts.filter { spec.rootfs == nil || $0.isBelow(root) }
    let read = spec.binds.filter { !$0.isWritable }.map(\.source)
    let disks = JobDisks.find(
      paths: [self.state.jobsPath] + places, more: seen.map(\.mountPoint) + read,
      hidden: self.hidden + [self.state.path], mounts: mounts,
      resolver: DiskResolver(mounts: mounts))
    guard case .failure(let reason) = disks else { return disks }
    return .failure("\(reason): use a place on a disk, or start the job without this limit")
  }
}

extension Usage {
  /// The files that tell of now, in a cgroup whose layout is not known any more.
  static func currentFiles(of cgroup: Cgroup) -> [ExitRecord.Evidence] {
    var files: [ExitRecord.Evidence] = []
    for controller in Controllers.all {
      for file in controller.current(.v2) {
        if let folder = cgroup.unified {
          files.append(.init(name: file, content: "\(folder)/\(file)"))
        }
      }
      for file in controller.current(.v1) {
        files += cgroup.legacy.map { .init(name: "v1/\(file)", content: "\($0)/\(file)") }
      }
    }
    if let freezer = CgroupFreezer(unified: cgroup.unified, legacy: cgroup.legacy) {
      files.append(.init(name: Self.freezerFile, content: freezer.stateFile))
    }
    return files.filter { File.exists(path: $0.content) }
  }
}
