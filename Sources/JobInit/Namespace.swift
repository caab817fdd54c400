import JobStore

/// The kinds of namespaces(7) a job gets of its own.
enum Namespace: CaseIterable {
  case pid, mount, network, uts, ipc, cgroup

  /// The CLONE_NEW* flag of clone(2).
  var cloneFlag: UInt64 {
    switch self {
    case .pid: 0x2000_0000
    case .mount: 0x0002_0000
    case .network: 0x4000_0000
    case .uts: 0x0400_0000
    case .ipc: 0x0800_0000
    case .cgroup: 0x0200_0000
    }
  }

  /// The flags for PID 1's clone3.
  ///
  /// With v1 hierarchies the cgroup namespace is made later, by unshare after the attach to them: made
  /// here, its root would be the keeper's place, and a root job could leave its group.
  ///
  /// With `hasNetwork` the keeper is in a network namespace made for the job, which PID 1 inherits.
  static func cloneFlags(for plan: LaunchPlan, hasNetwork: Bool) -> UInt64 {
    var wanted = Set(self.allCases)
    if !plan.ownNetwork || hasNetwork { wanted.remove(.network) }
    if !plan.cgroupsV1.isEmpty || plan.cgroup2 == nil { wanted.remove(.cgroup) }
    return wanted.reduce(0) { $0 | $1.cloneFlag }
  }
}
