import JobStore
import Linux

/// The cgroup of one job before it is made: folders, what is written into them, what is read later.
struct CgroupPlan: Hashable, Sendable {
  struct Folder: Hashable, Sendable {
    var path: String
    var settings: [CgroupSetting] = []
  }

  /// The cgroup2 folder the job is born in.
  var unified: String?
  /// All folders, in the order in which they are made.
  var folders: [Folder] = []
  /// Files to read at the end, with the names under which `Usage` and the verdict know them.
  var evidence: [ExitRecord.Evidence] = []

  /// The v1 folders.
  var legacy: [String] { self.folders.map(\.path).filter { $0 != self.unified } }

  /// Plans the cgroup of job `id`; fails with the limit that this host cannot enforce.
  init(
    id: JobID, limits: Limits, disks: [BlockDevice], layout: CgroupLayout
  ) throws(WorkerError) {
    if let unified = layout.unified {
      let path = Self.path(id, in: unified.folder)
      self.unified = path
      self.folders.append(Folder(path: path))
      // Processor time is counted there without any controller.
      self.evidence.append(.init(name: "cpu.stat", content: "\(path)/cpu.stat"))
    }
    for controller in Controllers.all {
      try self.add(controller, id, limits, disks, layout)
    }
    guard layout.unified == nil else { return }
    for controller in Controllers.withoutUnified {
      try self.add(controller, id, limits, disks, layout)
    }
  }

  /// The folder of job `id`: recognisable, and never another worker's.
  static func path(_ id: JobID, in folder: String) -> String { "\(folder)/worker-\(id)" }

  private mutating func add(
    _ controller: any Controller.Type, _ id: JobID, _ limits: Limits, _ disks: [BlockDevice],
    _ layout: CgroupLayout
  ) throws(WorkerError) {
    guard let (version, folder) = layout.place(of: controller) else {
      return try Self.refuse(controller, limits, disks, layout)
    }
    let path = Self.path(id, in: folder)
    let index = self.folders.firstIndex { $0.path == path } ?? self.folders.endIndex
    if index == self.folders.endIndex { self.folders.append(Folder(path: path)) }
    self.folders[index].settings += controller.settings(for: limits, disks: disks, version)
    // Both versions have a cpu.stat, and a hybrid host has both.
    let prefix = version == .v1 ? "v1/" : ""
    for file in controller.evidence(version) {
      self.evidence.append(.init(name: prefix + file, content: "\(path)/\(file)"))
    }
  }

  private static func refuse(
    _ controller: any Controller.Type, _ limits: Limits, _ disks: [BlockDevice],
    _ layout: CgroupLayout
  ) throws(WorkerError) {
    let asked = controller.settings(for: limits, disks: disks, .v2).flatMap(\.limits)
    guard let first = asked.first else { return }
    let name = controller.name(.v2) ?? controller.name(.v1) ?? ""
    let unified = layout.unified.map { "not offered by cgroup2 at \($0.folder)" } ?? "no cgroup2"
    throw WorkerError(
      .failedPrecondition,
      "cannot limit \(first): this host has no cgroup controller '\(name)' here (\(unified), "
        + "no v1 hierarchy with it): enable it above this worker (systemd: Delegate=yes), or start "
        + "the job without this limit")
  }
}
