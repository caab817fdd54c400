import Linux

/// What the kernel's log tells of the processes that were killed for lack of memory while a job ran:
/// evidence, collected by the keeper for the engine to judge.
///
/// DESIGN: the kernel counts such kills in the job's cgroup, and does not say whom. So whether the
/// program itself was one of them can be told from the log alone. As text it is lines of `key value`,
/// an empty one, and the records.
package struct KillReport: Hashable, Sendable {
  /// Of the piece of evidence.
  package static let name = "kernel.log"

  /// The program's first process and PID 1, as the host counts them; nil: it had ended before the keeper
  /// could look.
  package var target: Int32?
  package var first: Int32
  /// The name of the job's cgroup.
  package var group: String
  /// Why the log cannot be asked.
  package var problem: String?
  /// False: the log does not go back to the start of the job any more.
  package var isWhole = true
  /// How many were killed on this host, and how many of them are known to be the job's.
  package private(set) var kills: Int64 = 0
  package private(set) var ownKills: Int64 = 0
  /// Those that name one of the two processes.
  package private(set) var records: [String] = []

  package init(target: Int32?, first: Int32, group: String) {
    self.target = target
    self.first = first
    self.group = group
  }

  /// Two processes have two records each; an exit record must stay a small file.
  private static let mostRecords = 8
  private static let longestRecord = 800

  /// Takes note of a record of the log, as `KernelLog` gives it.
  package mutating func take(_ record: String) {
    switch OOMRecord(record) {
    case .killed(let pid):
      self.kills += 1
      self.keep(record, of: pid)
    case .chosen(let pid, _, let group):
      if !self.group.isEmpty, group?.hasSuffix("/\(self.group)") == true { self.ownKills += 1 }
      // It holds two paths, and tells the place only: that it is missing can be borne.
      if record.utf8.count <= Self.longestRecord { self.keep(record, of: pid) }
    case nil: break
    }
  }

  private mutating func keep(_ record: String, of pid: Int32) {
    guard pid == self.target || pid == self.first, self.records.count < Self.mostRecords
    else { return }
    self.records.append(record)
  }
}

extension KillReport {
  package var text: String {
    var lines = ["first \(self.first)", "group \(self.group)"]
    if let target { lines.append("target \(target)") }
    if let problem { lines.append("problem \(problem)") }
    lines += ["whole \(self.isWhole ? 1 : 0)", "kills \(self.kills)", "own \(self.ownKills)", ""]
    return (lines + self.records).map { "\($0)\n" }.joined()
  }

  package init(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let head = lines.prefix { !$0.isEmpty }
    func value(_ key: String) -> Substring? {
      head.first { $0.hasPrefix("\(key) ") }.map { $0.dropFirst(key.count + 1) }
    }
    self.init(
      target: value("target").flatMap { Int32($0) },
      first: value("first").flatMap { Int32($0) } ?? 0, group: String(value("group") ?? ""))
    self.problem = value("problem").map(String.init)
    self.isWhole = value("whole") == "1"
    self.kills = value("kills").flatMap { Int64($0) } ?? 0
    self.ownKills = value("own").flatMap { Int64($0) } ?? 0
    self.records = lines.dropFirst(head.count + 1).filter { !$0.isEmpty }.map(String.init)
  }
}
