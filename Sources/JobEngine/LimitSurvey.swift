import Linux

/// What a job's limits meet on this host: which of them can be enforced, and why others cannot.
struct LimitSurvey: Hashable, Sendable {
  /// What is left of the limits once the refused ones are taken out.
  private(set) var enforceable: Limits
  private(set) var refused: [LimitName: String] = [:]
  /// What is to be known of a limit that holds.
  private(set) var notes: [LimitName: String] = [:]
  let host: HostFacts

  init(_ limits: Limits, layout: CgroupLayout, host: HostFacts) {
    self.enforceable = limits
    self.host = host
    for controller in Controllers.all {
      for limit in controller.limits where limits.has(limit) {
        self.refuse(limit, Self.reason(limit, limits, controller, layout, host))
      }
    }
    for (resource, limit) in limits.resources {
      guard let name = LimitName(rawValue: resource.rawValue) else { continue }
      self.refuse(name, host.refusal(of: limit, on: resource))
    }
    for limit in LimitName.rates where self.enforceable.has(limit) && !limits.bestEffort {
      guard Self.isPartial(limit, layout) else { continue }
      self.refuse(limit, Self.partly + " (the best effort sets it for the former)")
    }
    self.note(limits, layout, host)
  }

  /// The first that cannot be enforced.
  var refusal: (LimitName, String)? {
    LimitName.allCases.lazy.compactMap { name in self.refused[name].map { (name, $0) } }.first
  }

  private mutating func refuse(_ limit: LimitName, _ reason: String?) {
    guard let reason else { return }
    self.refused[limit] = reason
    self.enforceable.remove(limit)
  }

  private static func reason(
    _ limit: LimitName, _ limits: Limits, _ controller: any Controller.Type,
    _ layout: CgroupLayout, _ host: HostFacts
  ) -> String? {
    guard let (version, _) = layout.place(of: controller) else {
      return self.missing(controller, layout)
    }
    if IO.limits.contains(limit), case .failure(let reason) = host.disks { return reason }
    if limit == .cpuset, let list = limits.cpuset.flatMap({ CPUList($0) }) {
      let missing = list.subtracting(host.cpus)
      guard missing.count == 0 else {
        return "processor \(missing) is not among those there are here: \(host.cpus)"
      }
    }
    return controller.refusal(of: limit, in: limits, disks: host.disks.all, version)
  }

  private static func missing(
    _ controller: any Controller.Type, _ layout: CgroupLayout
  ) -> String {
    let name = controller.name(.v2) ?? controller.name(.v1) ?? ""
    let unified = layout.unified.map { "not offered by cgroup2 at \($0.folder)" } ?? "no cgroup2"
    return "this host has no cgroup controller '\(name)' here (\(unified), no v1 hierarchy with "
      + "it): enable it above this worker (systemd: Delegate=yes), or start the job without this "
      + "limit"
  }

  private static func notes(
    onRate name: LimitName, _ layout: CgroupLayout, _ host: HostFacts
  ) -> [String] {
    var notes: [String] = []
    if self.isPartial(name, layout) { notes.append(self.partly) }
    if [.ioRead, .ioReadOps].contains(name), case .found(_, let places) = host.disks,
      !places.isEmpty
    {
      notes.append("not for what is at " + places.joined(separator: ", "))
    }
    return notes
  }

  private static let partly =
    "cgroup v1 holds direct and synced writes to it; others reach the disk later, not held to it"

  /// Writeback is nobody's on v1, see the kernel's blkio-controller.
  private static func isPartial(_ name: LimitName, _ layout: CgroupLayout) -> Bool {
    [.ioWrite, .ioWriteOps].contains(name) && layout.place(of: IO.self)?.0 == .v1
  }

  private mutating func note(_ limits: Limits, _ layout: CgroupLayout, _ host: HostFacts) {
    if let cpu = limits.cpu, cpu > Double(host.cores) {
      self.notes[.cpu] = "more than the \(host.cores) cores of this host"
    }
    for name in LimitName.rates where self.enforceable.has(name) {
      let notes = Self.notes(onRate: name, layout, host)
      if !notes.isEmpty { self.notes[name] = notes.joined(separator: "; ") }
    }
  }
}

extension LimitSurvey {
  /// What a start shows as applied: what the cgroups hold, what setrlimit(2) will be given, and what
  /// could not be had.
  func applied(_ cgroups: [String: AppliedLimit]) -> [String: AppliedLimit] {
    var applied = cgroups
    for (resource, limit) in self.enforceable.resources {
      // The call takes these numbers as they are, or the start fails.
      applied[resource.rawValue] = AppliedLimit(file: resource.symbol, value: limit.text)
    }
    for (name, note) in self.notes where applied[name.rawValue]?.unenforced == nil {
      applied[name.rawValue]?.note = note
    }
    for (name, reason) in self.refused {
      applied[name.rawValue] = AppliedLimit(unenforced: reason)
    }
    return applied
  }
}

extension Resource {
  /// As setrlimit(2) calls it.
  var symbol: String { "RLIMIT_\(self.rawValue.uppercased())" }
}
