import Glibc
import JobStore
import Linux

extension JobSpec {
  /// Of the kind that is prepared for. What else has to be the same is seen when the plan is made.
  func isUsual(_ configuration: WorkerConfiguration) -> Bool {
    self.user == .own && self.network == .none && !self.hasUserNamespace && self.rootfs == nil
      && self.binds.isEmpty && JournalQuota(self) == JournalQuota(.usual(configuration))
  }

  /// A job of which nothing was asked.
  static func usual(_ configuration: WorkerConfiguration) -> JobSpec {
    let spec = JobSpec(command: ["true"])
    return (try? spec.settled(configuration)) ?? spec  // what nobody asked for cannot be too much
  }
}

extension Launcher {
  /// Does all of a start that can be done before there is a job; leaves nothing behind when it fails.
  func prepare(
    _ spec: JobSpec, as user: ResolvedUser, until closing: borrowing EventDescriptor
  ) throws(WorkerError) -> PreparedJob {
    try self.group.prepare()
    let mounts = try self.hostMounts()
    let limits = self.survey(spec, mounts).enforceable
    let id = JobID.random()
    let cgroups = CgroupPlan(id: id, limits: limits, disks: [], layout: self.layout)
    do throws(WorkerError) {
      let (place, plan, view) = try self.prepareFolder(id, spec, user, cgroups, limits, mounts)
      try Cgroup.makeFolders(cgroups, in: self.group)
      DiskCounting.start(in: cgroups.legacy, for: [self.state.path], mounts)
      return try self.spawnAhead(id, place, plan, view, closing)
    } catch {
      Remains.discard(id, in: self.state)
      throw error
    }
  }

  private func prepareFolder(
    _ id: JobID, _ spec: JobSpec, _ user: ResolvedUser, _ cgroups: CgroupPlan, _ limits: Limits,
    _ mounts: [MountInfo]
  ) throws(WorkerError) -> (JobPlace, LaunchPlan, HostView) {
    do throws(SystemError) {
      var plan = self.plan(id, spec, user, cgroups, limits, mounts)
      plan.mounts = self.mountPlan(id, mounts).common(for: spec, as: user)
      let view = HostView(mounts, plan.mounts)
      let place = try self.makePlace(id)
      try JobFolders.makeAhead(in: place.folder, for: user)
      try place.write(plan)
      for name in [JobDirectory.launch, JobDirectory.spec, JobDirectory.started] {
        try File.makeTemporary(name, in: place.folder)
      }
      return (place, plan, view)
    } catch {
      throw WorkerError(.internal, "cannot make the folder of job \(id): \(error)")
    }
  }

  private func spawnAhead(
    _ id: JobID, _ place: JobPlace, _ plan: LaunchPlan, _ view: HostView,
    _ closing: borrowing EventDescriptor
  ) throws(WorkerError) -> PreparedJob {
    do throws(SystemError) {
      let sockets = try SocketPair()
      let keeper = try self.spawn(
        "spare",
        [
          sockets.right.rawValue, place.folder.rawValue, place.lock.rawValue,
          self.group.presence.end.rawValue,
        ])
      let socket = sockets.takeLeft()
      let prepared = PreparedJob(
        id: id, place: place, plan: plan, view: view, keeper: keeper, socket: socket)
      guard prepared.isReady(withinMilliseconds: Self.patience, until: closing) else {
        prepared.end()
        throw SystemError(call: "wait for the keeper", errno: ETIMEDOUT)
      }
      return prepared
    } catch {
      throw WorkerError(.internal, "cannot start the keeper of job \(id): \(error)")
    }
  }

  /// Far longer than it takes: a keeper that is stopped must not keep a worker from closing.
  private static let patience: Int64 = 10_000
}
