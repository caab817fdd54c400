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

  /// Plans the cgroup of job `id`. What of `limits` this host cannot enforce was taken out before,
  /// see `LimitSurvey`.
  init(id: JobID, limits: Limits, disks: [JobDisk], layout: CgroupLayout) {
    if let unified = layout.unified {
      let path = Self.path(id, in: unified.folder)
      self.unified = path
      self.folders.append(Folder(path: path))
      // Processor time is counted there without any controller.
      self.evidence.append(.init(name: "cpu.stat", content: "\(path)/cpu.stat"))
    }
    for controller in Controllers.all { self.add(controller, id, limits, disks, layout) }
    if let path = self.unified { self.evidence += Pressure.evidence(in: path) }
    guard layout.unified == nil else { return }
    for controller in Controllers.withoutUnified {
      self.add(controller, id, limits, disks, layout)
    }
  }

  /// The folder of job `id`: recognisable, and never another worker's.
  static func path(_ id: JobID, in folder: String) -> String { "\(folder)/worker-\(id)" }

  private mutating func add(
    _ controller: any Controller.Type, _ id: JobID, _ limits: Limits, _ disks: [JobDisk],
    _ layout: CgroupLayout
  ) {
    guard let (version, folder) = layout.place(of: controller) else { return }
    let path = Self.path(id, in: folder)
    let settings = controller.settings(for: limits, disks: disks, version)
    guard version == .v2 || controller.isAlways || !settings.isEmpty else { return }
    let index = self.folders.firstIndex { $0.path == path } ?? self.folders.endIndex
    if index == self.folders.endIndex { self.folders.append(Folder(path: path)) }
    self.folders[index].settings += settings
    // Both versions have a cpu.stat, and a hybrid host has both.
    let prefix = version == .v1 ? "v1/" : ""
    for file in controller.evidence(version) {
      self.evidence.append(.init(name: prefix + file, content: "\(path)/\(file)"))
    }
  }
}
