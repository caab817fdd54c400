import Glibc
import JobStore
import Linux

/// Turns a job into a folder, a cgroup and a running keeper. All of it blocks.
struct Launcher: Sendable {
  let state: StateDirectory
  let group: JobsGroup
  let hidden: [String]
  var totals = HostTotals()
  let networkProgram: NetworkProgram
  var mounts = HostMounts()

  var layout: CgroupLayout { self.group.layout }

  /// Does all that comes before the keeper's own work; leaves nothing behind when it fails. What is
  /// `prepared`, and has the job's id, is used up, or removed where it does not fit.
  func launch(
    _ job: Job, as user: ResolvedUser, _ prepared: PreparedJob? = nil
  ) throws(WorkerError) -> Launch {
    do throws(WorkerError) {
      try self.keepID(of: job.record)
      // What is prepared lies in it; and where it does not fit, its place in the group is looked for then.
      if prepared == nil { try self.group.prepare() }
      let mounts = try self.hostMounts()
      let survey = self.survey(job.record.spec, mounts)
      if !survey.enforceable.bestEffort, let (name, reason) = survey.refusal {
        throw WorkerError(.failedPrecondition, "cannot limit \(name.text): \(reason)")
      }
      let outgoing = try self.networkProgram.outgoing(for: job.record.spec, uid: user.uid)
      let plan = CgroupPlan(
        id: job.id, limits: survey.enforceable, disks: survey.host.disks.all, layout: self.layout)
      if job.record.spec.cpuTime != nil { try plan.checkCountsCPUTime() }
      return try self.launch(job, as: user, plan, survey, outgoing, mounts, prepared)
    } catch {
      prepared?.end()
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

  func survey(_ spec: JobSpec, _ mounts: [MountInfo]) -> LimitSurvey {
    let limits = self.totals.filling(spec.limits, self.layout)
    return LimitSurvey(limits, layout: self.layout, host: self.host(for: limits, of: spec, mounts))
  }

  private func launch(
    _ job: Job, as user: ResolvedUser, _ plan: CgroupPlan, _ survey: LimitSurvey,
    _ outgoing: OutgoingNetwork?, _ mounts: [MountInfo], _ prepared: PreparedJob?
  ) throws(WorkerError) -> Launch {
    let (place, prepared) = try self.place(
      of: job, user, plan, survey.enforceable, outgoing, mounts, prepared: prepared)
    let (cgroup, held) = try Cgroup.make(
      plan, bestEffort: survey.enforceable.bestEffort, isThere: prepared != nil, in: self.group)
    let places = job.record.spec.binds.filter(\.isWritable).map(\.source)
    DiskCounting.start(
      in: cgroup.legacy, for: [self.state.path] + places,
      but: survey.host.disks.all.map(\.device), mounts)
    let applied = survey.applied(held)
    job.state.change { $0.applied = applied }
    let launch: Launch
    do throws(SystemError) { launch = try self.start(job, place, prepared, applied) } catch {
      throw WorkerError(making: "the keeper of job \(job.id)", error)
    }
    // While the keeper is at work.
    let usageFiles = plan.evidence + Usage.currentFiles(of: cgroup)
    job.state.change { $0.usageFiles = usageFiles }
    return launch
  }

  private func place(
    of job: Job, _ user: ResolvedUser, _ cgroups: CgroupPlan, _ limits: Limits,
    _ outgoing: OutgoingNetwork?, _ mounts: [MountInfo], prepared: PreparedJob?
  ) throws(WorkerError) -> (JobPlace, PreparedJob?) {
    do throws(SystemError) {
      let spec = job.record.spec
      var plan = self.plan(job.id, spec, user, cgroups, limits, mounts)
      plan.outgoing = outgoing
      if let prepared, prepared.fits(plan, mounts) {
        try JobFolders.give(in: prepared.place.folder, to: user, spec)
        try prepared.place.write(plan)
        return (prepared.place, prepared)
      }
      prepared?.discard(in: self.state)
      let place = try self.makePlace(job.id)
      try JobFolders.make(in: place.folder, for: spec, as: user)
      // Before the cgroups are made: should we die, nothing else says which are this job's.
      try place.write(plan)
      return (place, nil)
    } catch {
      throw WorkerError(making: "the folder of job \(job.id)", error)
    }
  }

  func makePlace(_ id: JobID) throws(SystemError) -> JobPlace {
    let folder = try self.state.make(id)
    // Before anything can be seen: who finds the folder and the lock free finds a dead job.
    let lock = try File.open(JobDirectory.lock, in: folder, O_RDWR | O_CREAT | O_EXCL)
    _ = try File.tryLock(lock)
    try File.makeFIFO(JobDirectory.control, in: folder)
    return JobPlace(folder: folder, lock: lock)
  }

  private func start(
    _ job: Job, _ place: JobPlace, _ prepared: PreparedJob?, _ applied: [String: AppliedLimit]
  ) throws(SystemError) -> Launch {
    var record = job.record
    record.applied = applied
    record.bootID = try ProcessIdentity.bootID()
    try File.replace(JobDirectory.spec, in: place.folder, with: record.encoded(), durable: false)
    let launch = try self.keeper(place, prepared)
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

  private func keeper(
    _ place: JobPlace, _ prepared: PreparedJob?
  ) throws(SystemError) -> Launch {
    let answer = try Pipe()
    let keeper: KeeperProcess
    if let prepared {
      try prepared.start(answer: answer.writeEnd)
      keeper = prepared.keeper
    } else {
      keeper = try self.spawn(
        "keeper",
        [
          place.folder.rawValue, place.lock.rawValue, answer.writeEnd.rawValue,
          self.group.presence.end.rawValue,
        ])
    }
    return Launch(keeper: keeper, answer: answer.takeReadEnd())
  }

  /// `descriptors` become 3 and what follows.
  func spawn(_ role: String, _ descriptors: [CInt]) throws(SystemError) -> KeeperProcess {
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(
      .descriptor(self.state.program), arguments: ["worker", "init", role],
      descriptors: [null.rawValue, null.rawValue, null.rawValue] + descriptors)
    spawn.newSession = true
    switch try spawn.start() {
    case .started(_, let process): return KeeperProcess(process)
    case .failed(_, let errno): throw SystemError(call: "exec(worker init)", errno: errno)
    }
  }
}

/// A job's folder, and its lock.
final class JobPlace: Sendable {
  let folder: OwnedDescriptor
  let lock: OwnedDescriptor

  init(folder: consuming OwnedDescriptor, lock: consuming OwnedDescriptor) {
    self.folder = folder
    self.lock = lock
  }

  func write(_ plan: LaunchPlan) throws(SystemError) {
    try File.replace(JobDirectory.launch, in: self.folder, with: plan.encoded(), durable: false)
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
