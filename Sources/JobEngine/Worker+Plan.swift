import Linux

extension Worker {
  /// Tells what `start` would make of `spec`: what is written where for its limits, what cannot be
  /// enforced, and what would separate the job from the host. Limits are tried in an empty cgroup,
  /// which is removed again; starts nothing. `owner` and `quota` are as for `start`.
  public func plan(
    _ spec: JobSpec, owner: String = "", quota: OwnerQuota? = nil
  ) async throws(WorkerError) -> JobPlan {
    try spec.validate()
    let spec = try spec.settled(self.configuration)
    try self.checkPrivileges()
    let launcher = self.launcher
    let user = try await self.resolve(spec)
    var plan = try await Self.threads.run { () throws(WorkerError) in try launcher.plan(spec) }
    plan.isolation = Isolation(planned: spec, user: user)
    plan.refusal = self.registry.read { $0.refusal(of: spec, owner: owner, quota: quota) }
    return plan
  }
}

extension Launcher {
  /// Blocks.
  fileprivate func plan(_ spec: JobSpec) throws(WorkerError) -> JobPlan {
    try self.group.prepare()
    let survey = self.survey(spec, try self.hostMounts())
    let disks = survey.host.disks.all
    let cgroups = CgroupPlan(
      id: .random(), limits: survey.enforceable, disks: disks, layout: self.layout)
    let (cgroup, held) = try Cgroup.make(cgroups, bestEffort: true, in: self.group)
    cgroup.remove()
    return JobPlan(survey, cgroups, applied: survey.applied(held), disks: disks)
  }
}

extension JobPlan {
  init(
    _ survey: LimitSurvey, _ cgroups: CgroupPlan, applied: [String: AppliedLimit],
    disks: [JobDisk]
  ) {
    let names = LimitName.allCases.filter { applied[$0.rawValue] != nil }
    self.init(
      limits: names.map { PlannedLimit($0, cgroups, applied[$0.rawValue], disks) },
      folders: cgroups.folders.map { Self.parent($0.path) })
  }

  static func parent(_ path: String) -> String {
    String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
  }
}

extension PlannedLimit {
  fileprivate init(
    _ name: LimitName, _ cgroups: CgroupPlan, _ applied: AppliedLimit?, _ disks: [JobDisk]
  ) {
    self.init(name: name.rawValue, file: applied?.file ?? "", value: applied?.value ?? "")
    self.applied = applied?.value ?? ""
    self.note = applied?.note ?? ""
    self.unenforced = applied?.unenforced
    for folder in cgroups.folders {
      let settings = folder.settings.filter { $0.limits.contains(name) }
      guard let first = settings.first else { continue }
      self.file = first.file
      self.folder = JobPlan.parent(folder.path)
      self.value = settings.map(\.value).joined(separator: ", ")
    }
    if IO.limits.contains(name), self.unenforced == nil { self.devices = disks.map(\.chain) }
  }
}
