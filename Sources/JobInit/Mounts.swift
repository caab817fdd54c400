// DESIGN. What a job sees of the file system. Nothing is looked up twice: each source and each target is a
// descriptor, opened below the job's root without leaving it, and what lies in /proc is reached
// through the descriptor of the mount made here (CVE-2025-31133, -52565 and -52881 lived of paths).
//
//   1. copies of all sources, before anything hides them
//   2. the root: the host's tree made read-only in one call, or a tree of its own pivoted into
//   3. /proc, /sys, /dev, and what of /proc must not be seen or written
//   4. the plan's own mounts, in order; no link leads to where one of them goes, as it may lie in one
//      that came before, where the user made it
import Glibc
import JobStore
import Linux

/// Builds the job's tree.
struct Mounts: ~Copyable {
  private let tree: FileTree
  private let devices: Devices
  private let kept: Kept

  /// What the target's start needs of the tree.
  struct Kept: ~Copyable {
    let proc: OwnedDescriptor
    /// Or -1.
    let userNamespace: CInt

    deinit { if self.userNamespace >= 0 { close(self.userNamespace) } }
  }

  static let safe: DetachedMount.Attributes = [.noSetUID, .noDevices]

  static func build(_ plan: LaunchPlan) throws(SystemError) -> Mounts {
    let proc = try DetachedMount("proc", ["hidepid=2"], [.noSetUID, .noDevices, .noExec])
    let userNamespace = try plan.idRange.map { range throws(SystemError) in
      try UserNamespace.make(first: range.first, count: range.count, proc: proc.descriptor)
        .release()
    }
    let sources = try Sources(plan)
    let tree = try Root.make(plan, userNamespace: userNamespace ?? -1)
    let mounts = try self.system(tree, proc, userNamespace ?? -1)
    try mounts.maskProc(isRoot: plan.hostUser.uid == 0)
    try mounts.perform(plan.mounts, sources)
    _ = chdir("/")  // cannot fail: it is where the root is
    return mounts
  }

  /// Steps without a source, on top of what was built.
  func add(_ steps: ArraySlice<LaunchPlan.MountStep>) throws(SystemError) {
    try self.perform(Array(steps), Sources())
  }

  consuming func takeKept() -> Kept { self.kept }

  /// The three that every system has.
  private static func system(
    _ tree: consuming FileTree, _ proc: consuming DetachedMount, _ userNamespace: CInt
  ) throws(SystemError) -> Mounts {
    try proc.attach(on: try tree.placeOrNew("/proc", isFile: false))
    // Of its own network namespace, and without the file systems that the host mounts below it:
    // cgroups, debugfs, tracefs, securityfs, bpf.
    let sys = try DetachedMount("sysfs", [], [.readOnly, .noSetUID, .noDevices, .noExec])
    try sys.attach(on: try tree.placeOrNew("/sys", isFile: false))
    let devices = try Devices.mount(in: tree)
    return Mounts(
      tree: tree, devices: devices,
      kept: Kept(proc: proc.takeDescriptor(), userNamespace: userNamespace))
  }

  /// A user that is not root outside is kept from root's files by their modes, and starts sooner.
  private func maskProc(isRoot: Bool) throws(SystemError) {
    for name in KernelFiles.masked + (isRoot ? KernelFiles.maskedForRoot : []) {
      try self.hide(name, in: self.kept.proc)
    }
    for name in isRoot ? try KernelFiles.all(in: self.kept.proc) : KernelFiles.readOnly {
      guard let target = try Self.place(name, in: self.kept.proc) else { continue }
      let copy = try DetachedMount(copying: target)
      try copy.set(Self.safe.union([.readOnly, .noExec]))
      try copy.attach(on: target)
    }
  }
}

/// Files of proc(5) that tell about or act on the whole host; as container engines mask them.
private enum KernelFiles {
  static let masked = [
    "acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi",
    "sysrq-trigger",
  ]
  static let maskedForRoot = [
    "dynamic_debug", "kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo", "slabinfo",
    "timer_list",
    "timer_stats", "vmallocinfo",
  ]

  /// Kernel settings: uid 0 owns them, and would write them even without capabilities. A write to
  /// `pressure`, which everybody may, starts a thread of the kernel's.
  static let readOnly = ["pressure", "sys"]

  /// All but processes and links. Their modes and owners are the kernel's own, the same in every mount of
  /// proc(5) on the host and for as long as it runs, and uid 0 may change them.
  static func all(in proc: borrowing OwnedDescriptor) throws(SystemError) -> [String] {
    let raw = proc.rawValue
    return try Folder.names(in: proc).filter { name in
      guard !name.allSatisfy(\.isNumber), !self.masked.contains(name),
        !self.maskedForRoot.contains(name)
      else { return false }
      var status = stat()
      return fstatat(raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        && status.st_mode & S_IFMT != S_IFLNK
    }
  }
}

// The plan's mounts, one by one.
extension Mounts {
  private func perform(
    _ steps: [LaunchPlan.MountStep], _ sources: Sources
  ) throws(SystemError) {
    var sources = sources.mounts[...]
    for step in steps {
      switch step {
      case .bind(_, let target, _):
        guard let source = sources.popFirst() else { continue }
        let place = try self.tree.placeOrNew(target, isFile: source.isFile, followsLinks: false)
        try source.mount.attach(on: place)
      case .cover(_, let target):
        guard let source = sources.popFirst(), let place = try self.placeIfThere(target),
          try HostPath.isFolder(place) != source.isFile  // a tree may have anything there
        else { continue }
        try source.mount.attach(on: place)
      case .tmpfs(let target, let options):
        let mount = try DetachedMount(
          "tmpfs", options.split(separator: ",").map(String.init), Self.safe)
        try mount.attach(
          on: try self.tree.placeOrNew(target, isFile: false, followsLinks: false))
      case .hide(let target):
        guard let place = try self.placeIfThere(target) else { continue }
        try self.hide(place)
      }
    }
  }

  private func placeIfThere(_ path: String) throws(SystemError) -> OwnedDescriptor? {
    do throws(SystemError) { return try self.tree.place(path) } catch {
      // A link in a tree of its own is left alone: nothing of the host's is behind it.
      if [ENOENT, ENOTDIR, EACCES, ELOOP].contains(error.errno) { return nil }
      throw error
    }
  }

  private static func place(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) -> OwnedDescriptor? {
    do throws(SystemError) {
      return try File.open(name, in: folder, OpenFlags.path | O_NOFOLLOW)
    } catch {
      if error.errno == ENOENT { return nil }  // not in this kernel: nothing to protect
      throw error
    }
  }

  private func hide(
    _ name: String, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    guard let place = try Self.place(name, in: folder) else { return }
    try self.hide(place)
  }

  /// An empty read-only folder, or /dev/null, in place of what must not be seen.
  private func hide(_ place: borrowing OwnedDescriptor) throws(SystemError) {
    guard try HostPath.isFolder(place) else {
      return try DetachedMount(copying: self.devices.null).attach(on: place)
    }
    try DetachedMount(copying: self.devices.empty).attach(on: place)
  }
}
