import JobStore
import Linux

/// From the kernel's log to an answer: whether it was the kernel that ended a job, for lack of memory.
extension KillReport {
  enum Answer: Hashable {
    /// It says so.
    case killed
    /// It names all that were killed, and what ended the job is not among them.
    case others
    case unknown(why: String)
  }

  /// Whose limit was reached.
  enum Place: Hashable {
    case job, host
    /// A cgroup above the job's.
    case group(path: String)
  }

  /// `kills`: how many of the job's processes were killed for lack of memory, as the kernel counts.
  func answer(kills: Int64, end: ProcessEnd?) -> Answer {
    if self.record(end) != nil { return .killed }
    if let problem { return .unknown(why: problem) }
    guard !self.endings(end).isEmpty else {
      return .unknown(why: "the program ended before its number could be seen")
    }
    // Of a part of the log only those count that are the job's for certain.
    guard (self.isWhole ? self.kills : self.ownKills) >= kills else {
      return .unknown(why: "it does not name all that were killed")
    }
    return .others
  }

  /// Nil where the log does not say: of many kills in a short time it does not tell all about each.
  func place(end: ProcessEnd?) -> Place? {
    guard let pid = self.record(end)?.pid else { return nil }
    for case .chosen(pid, let limit, _)? in self.records.map({ OOMRecord($0) }) {
      guard let limit else { return .host }
      return limit.hasSuffix("/\(self.group)") ? .job : .group(path: limit)
    }
    return nil
  }

  /// For the evidence.
  func line(kills: Int64, end: ProcessEnd?) -> String {
    switch self.answer(kills: kills, end: end) {
    case .killed: "kernel log: \(self.record(end)?.text ?? "")"
    case .others: "kernel log: others were killed for lack of memory, not what ended the job"
    case .unknown(let why): "kernel log: it cannot be asked who was killed: \(why)"
    }
  }

  /// The processes whose end is the job's. When PID 1 had no time to tell how the program ended, its own
  /// end may have been the first.
  private func endings(_ end: ProcessEnd?) -> [Int32] {
    (self.target.map { [$0] } ?? []) + (end == nil ? [self.first] : [])
  }

  private func record(_ end: ProcessEnd?) -> (pid: Int32, text: Substring)? {
    let pids = self.endings(end)
    for record in self.records {
      guard case .killed(let pid)? = OOMRecord(record), pids.contains(pid) else { continue }
      return (pid, record.drop { $0 != ";" }.dropFirst())
    }
    return nil
  }
}
