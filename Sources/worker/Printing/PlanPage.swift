import JobAPI

/// What would become of a job's limits, and what would separate it from the host, as lines.
struct PlanPage {
  private let plan: Worker_V1_PlanJobResponse

  init(_ plan: Worker_V1_PlanJobResponse) { self.plan = plan }

  var text: String {
    var lines = [
      "cgroups: \(self.plan.cgroupVersion), below \(self.plan.cgroupFolders.joined(separator: ", "))"
    ]
    if self.plan.limits.allSatisfy(\.isStart) { lines.append("no limit was asked for") }
    for limit in self.plan.limits { lines += self.lines(limit) }
    if self.plan.hasIsolation {
      lines += IsolationLines(self.plan.isolation).pairs.map { "\($0): \($1)" }
    }
    return lines.map { Printable.escaped($0) + "\n" }.joined()
  }

  private func lines(_ limit: Worker_V1_PlannedLimit) -> [String] {
    if limit.isStart { return ["start: REFUSED: \(limit.unenforced)"] }
    guard limit.unenforced.isEmpty else {
      return ["\(limit.name): NOT ENFORCED: \(limit.unenforced)"]
    }
    let file = limit.folder.isEmpty ? limit.file : "\(limit.file) in \(limit.folder)"
    var lines = ["\(limit.name): enforced: \(file) = \(limit.value)"]
    if limit.applied != limit.value { lines.append("  the kernel makes it: \(limit.applied)") }
    lines += limit.devices.map { "  device: \($0)" }
    if !limit.note.isEmpty { lines.append("  note: \(limit.note)") }
    return lines
  }
}

extension Worker_V1_PlannedLimit {
  /// No limit of the job's, but what other jobs have leaves no room for it.
  var isStart: Bool { self.name == "start" }
}
