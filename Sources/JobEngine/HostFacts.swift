import Linux

/// What limits are measured against on this host.
struct HostFacts: Hashable, Sendable {
  /// The disks behind what a job can write, or why one of them cannot be limited.
  enum Disks: Hashable, Sendable {
    /// `unlimited`: places that can be read and are on no disk, as `/mnt (nfs4)`.
    case found([JobDisk], unlimited: [String] = [])
    case failure(String)

    var all: [JobDisk] {
      switch self {
      case .found(let disks, _): disks
      case .failure: []
      }
    }
  }

  var cores: Int
  /// The processors that a job may be given.
  var cpus: CPUList
  var disks = Disks.found([])
  /// fs.nr_open: what no process can raise its limit of descriptors above.
  var maxOpenFiles: UInt64 = .max
  /// What this process itself may have at most, where it may not raise it.
  var ceilings: [Resource: UInt64] = [:]

  /// Why a limit cannot be set; nil: it can.
  func refusal(of limit: ResourceLimit, on resource: Resource) -> String? {
    let hard = limit.hard ?? .max
    if resource == .nofile, hard > self.maxOpenFiles {
      return "this host allows \(self.maxOpenFiles) descriptors a process at most (fs.nr_open), "
        + "asked for \(limit.text)"
    }
    guard let ceiling = self.ceilings[resource], hard > ceiling else { return nil }
    return "this worker has \(ceiling) at most and no right to more (CAP_SYS_RESOURCE), asked for "
      + limit.text
  }
}

extension HostFacts {
  /// Reads what `limits` are measured against. Blocks.
  static func read(for limits: Limits, _ layout: CgroupLayout, disks: Disks) -> HostFacts {
    let online = self.list("/sys/devices/system/cpu/online") ?? CPUList(numbers: [0])
    let allowed = limits.cpuset == nil ? nil : self.cpus(layout)
    var facts = HostFacts(cores: online.count, cpus: allowed ?? online)
    facts.disks = disks
    if limits.resources[.nofile] != nil {
      // No such file: no bound is known.
      let text = (try? File.readText("/proc/sys/fs/nr_open")) ?? ""
      facts.maxOpenFiles = UInt64(text.prefix { $0.isNumber }) ?? .max
    }
    guard !CurrentProcess.hasCapability(24) else { return facts }  // CAP_SYS_RESOURCE
    for resource in Resource.allCases {
      facts.ceilings[resource] = CurrentProcess.resourceLimit(resource.number).hard
    }
    return facts
  }

  private static func cpus(_ layout: CgroupLayout) -> CPUList? {
    guard let (version, folder) = layout.place(of: CPUSet.self) else { return nil }
    return self.list(
      "\(folder)/" + (version == .v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus"))
  }

  /// Nil where the file is not there or empty.
  private static func list(_ path: String) -> CPUList? {
    guard let text = try? File.readText(path) else { return nil }
    return CPUList(text.prefix { $0 != "\n" })
  }
}

extension Resource {
  /// Its number for setrlimit(2).
  var number: Int32 {
    switch self {
    case .fsize: 1
    case .stack: 3
    case .core: 4
    case .nofile: 7
    }
  }
}
