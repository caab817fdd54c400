import Linux

/// Which hierarchies this host has, and below which folders jobs get theirs.
struct CgroupLayout: Hashable, Sendable {
  /// The cgroup2 hierarchy.
  struct Unified: Hashable, Sendable {
    var folder: String
    /// What `cgroup.controllers` of `folder` offers.
    var controllers: Set<String>
  }

  /// A v1 hierarchy with one or more controllers.
  struct Legacy: Hashable, Sendable {
    var folder: String
    var controllers: [String]
  }

  var unified: Unified?
  var legacy: [Legacy]

  init(unified: Unified?, legacy: [Legacy]) {
    self.unified = unified
    self.legacy = legacy
  }

  /// Where a process that is in none of a job's own would be moved, see `CgroupRoot`.
  static let supervisor = "supervisor"

  /// What the API calls it: `v2`, `v1` or `hybrid`.
  var version: String {
    guard let unified = self.unified else { return "v1" }
    // Others it may offer are nobody's here, as hugetlb where the rest is v1's.
    let used = Controllers.all.compactMap { $0.name(.v2) }
    if unified.controllers.isDisjoint(with: used), !self.legacy.isEmpty { return "hybrid" }
    return "v2"
  }

  /// The folder that has `controller`, cgroup2 first.
  func place(of controller: any Controller.Type) -> (CgroupVersion, folder: String)? {
    if let unified = self.unified, let name = controller.name(.v2),
      unified.controllers.contains(name)
    {
      return (.v2, unified.folder)
    }
    guard let name = controller.name(.v1),
      let legacy = self.legacy.first(where: { $0.controllers.contains(name) })
    else { return nil }
    return (.v1, legacy.folder)
  }
}

extension CgroupLayout {
  /// The group of this name in each hierarchy.
  func inside(_ name: String) -> CgroupLayout {
    var layout = self
    layout.unified?.folder += "/\(name)"
    for index in layout.legacy.indices { layout.legacy[index].folder += "/\(name)" }
    return layout
  }

  /// The folders in which every job has a group.
  var common: [String] { self.folders { $1 == .v2 || $0.isAlways } }

  /// Those in which a job may have one.
  var all: [String] { self.folders { _, _ in true } }

  private func folders(
    of isWanted: (any Controller.Type, CgroupVersion) -> Bool
  ) -> [String] {
    var folders = self.unified.map { [$0.folder] } ?? []
    for controller in Controllers.all + (folders.isEmpty ? Controllers.withoutUnified : []) {
      guard let (version, folder) = self.place(of: controller), isWanted(controller, version),
        !folders.contains(folder)
      else { continue }
      folders.append(folder)
    }
    return folders
  }
}

extension CgroupLayout {
  /// Reads the texts of /proc/self/mountinfo and /proc/self/cgroup, see proc(5) and cgroups(7).
  ///
  /// Jobs go below the cgroup this process is in: that is ours to divide, what is above is not.
  init(
    mountinfo: String, membership: String, root: String? = nil,
    controllers: (_ folder: String) -> Set<String>
  ) {
    let mounts = MountInfo.parse(mountinfo)
    var legacy: [Legacy] = []
    var unified: Unified?
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let names = fields[1].split(separator: ",").map(String.init)
      if names.isEmpty {
        let folder = Self.folder(of: fields[2], in: mounts.filter { $0.type == "cgroup2" })
        unified = folder.map { Unified(folder: $0, controllers: controllers($0)) }
      } else if names.first?.hasPrefix("name=") != true {
        let fitting = mounts.filter {
          $0.type == "cgroup" && Set(names).isSubset(of: Set($0.superOptions))
        }
        guard let folder = Self.folder(of: fields[2], in: fitting) else { continue }
        legacy.append(Legacy(folder: folder, controllers: names))
      }
    }
    if let root { unified = Unified(folder: root, controllers: controllers(root)) }
    self.init(unified: unified, legacy: legacy)
  }

  /// The host's layout as this process sees it. `root` takes the place of its own cgroup2 folder.
  static func detect(root: String?) throws(SystemError) -> CgroupLayout {
    CgroupLayout(
      mountinfo: try File.readText("/proc/self/mountinfo"),
      membership: try File.readText("/proc/self/cgroup"), root: root
    ) { folder in
      // No such file: not a cgroup2 folder, which `CgroupRoot` refuses with a better message.
      let text = (try? File.readText("\(folder)/cgroup.controllers")) ?? ""
      return Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }
  }

  private static func folder(of path: Substring, in mounts: [MountInfo]) -> String? {
    for mount in mounts {
      guard let below = self.suffix(of: path, below: mount.root) else { continue }
      // A worker that moved itself to a leaf has its jobs beside that leaf.
      let folder = mount.mountPoint + below
      let leaf = "/" + self.supervisor
      return folder.hasSuffix(leaf) ? String(folder.dropLast(leaf.count)) : folder
    }
    // In a cgroup namespace our path may lie outside what is mounted: the mount is all we may use.
    return mounts.first?.mountPoint
  }

  /// `path` without `root` in front: empty or with a slash first.
  private static func suffix(of path: Substring, below root: String) -> Substring? {
    if path == "/" { return root == "/" ? "" : nil }
    if root == "/" { return path }
    guard path.hasPrefix(root) else { return nil }
    let rest = path.dropFirst(root.count)
    return rest.isEmpty || rest.hasPrefix("/") ? rest : nil
  }
}
