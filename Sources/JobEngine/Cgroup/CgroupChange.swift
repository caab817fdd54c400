import Linux

/// A change of limits in the cgroup of a job that runs: all of it, or none.
struct CgroupChange {
  private struct Step {
    let setting: CgroupSetting
    let folder: String
    /// What to write to have it back; nil where there is no such file.
    let before: String?
    let version: CgroupVersion

    var isAsBefore: Bool {
      CgroupChange.current(self.setting, in: self.folder, self.version) == self.before
    }
  }

  private let steps: [Step]

  /// Looks up what is to be written and what is there now; changes nothing. `old` and `new` are
  /// without what this host cannot enforce.
  init(
    _ cgroup: Cgroup, from old: Limits, to new: Limits, disks: [JobDisk]
  ) throws(WorkerError) {
    var steps: [Step] = []
    for controller in Controllers.all {
      steps += try Self.steps(controller, cgroup, from: old, to: new, disks)
    }
    self.steps = steps
  }

  /// Writes, and answers with what the kernel shows of the limits that changed.
  func apply() throws(WorkerError) -> [String: AppliedLimit] {
    var applied = AppliedLimits(bestEffort: false)
    for (index, step) in self.steps.enumerated() {
      do throws(WorkerError) {
        try applied.apply(step.setting, in: step.folder)
      } catch {
        // What was refused is as it was, and needs no second refusal; half done counts as done.
        let left = self.takeBack(self.steps[..<(step.isAsBefore ? index : index + 1)])
        throw WorkerError(error.code, "\(error.message); \(left)")
      }
    }
    return applied.byName
  }

  /// Sets all of it back, for a change that was made and could not be kept.
  func takeBack() { _ = self.takeBack(self.steps[...]) }

  /// What is there now, in the order in which it has to be set back.
  var before: [UnfinishedChange.Setting] { Self.before(self.steps[...]) }

  private func takeBack(_ steps: ArraySlice<Step>) -> String {
    let failed = UnfinishedChange(limits: Limits(), before: Self.before(steps)).takeBack()
    guard !failed.isEmpty else { return "nothing was changed" }
    return "not all could be set back: \(failed.map(\.description).joined(separator: ", "))"
  }

  /// In reverse, so that what had to be written first is the last to go.
  private static func before(_ steps: ArraySlice<Step>) -> [UnfinishedChange.Setting] {
    steps.reversed().compactMap { step in
      step.before.map { .init(path: "\(step.folder)/\(step.setting.file)", value: $0) }
    }
  }

  private static func steps(
    _ controller: any Controller.Type, _ cgroup: Cgroup, from old: Limits, to new: Limits,
    _ disks: [JobDisk]
  ) throws(WorkerError) -> [Step] {
    for version in [CgroupVersion.v2, .v1] {
      let before = controller.settings(for: old, disks: disks, version)
      var changed = controller.settings(for: new, disks: disks, version)
        .filter { !before.contains($0) }
      guard let first = changed.first else { continue }
      guard let folder = self.folder(with: first.file, in: cgroup, version) else { continue }
      // v1: memory and swap together may never be less than memory alone, not even for a moment.
      if version == .v1, (new.memory ?? 0) > (old.memory ?? .max) { changed.reverse() }
      return changed.map { setting in
        Step(
          setting: setting, folder: folder, before: self.current(setting, in: folder, version),
          version: version)
      }
    }
    let wanted = controller.limits.first { new.has($0) && new.differs(from: old, in: $0) }
    guard let wanted else { return [] }
    throw WorkerError(
      .failedPrecondition,
      "cannot limit \(wanted.text): the job was started without a cgroup for it; start it with this "
        + "limit")
  }

  private static func folder(
    with file: String, in cgroup: Cgroup, _ version: CgroupVersion
  ) -> String? {
    let folders = version == .v2 ? cgroup.unified.map { [$0] } ?? [] : cgroup.legacy
    return folders.first { File.exists(path: "\($0)/\(file)") }
  }

  private static func current(
    _ setting: CgroupSetting, in folder: String, _ version: CgroupVersion
  ) -> String? {
    guard let text = try? File.readText("\(folder)/\(setting.file)") else { return nil }
    let lines = text.split(separator: "\n")
    // A list that is empty has no line at all.
    guard let disk = setting.disk else { return lines.first.map(String.init) ?? "" }
    if let line = lines.first(where: { $0.hasPrefix("\(disk) ") }) { return String(line) }
    // A disk without a line has no limit; this takes one away.
    return version == .v2 ? "\(disk) rbps=max wbps=max riops=max wiops=max" : "\(disk) 0"
  }
}

extension Limits {
  fileprivate func differs(from other: Limits, in name: LimitName) -> Bool {
    self.only(name) != other.only(name)
  }

  private func only(_ name: LimitName) -> Limits {
    var limits = self
    limits.bestEffort = false
    for other in LimitName.allCases where other != name { limits.remove(other) }
    return limits
  }
}
