/// A record of the kernel's log about a process that it kills for lack of memory, see mm/oom_kill.c.
package enum OOMRecord: Hashable, Sendable {
  /// The process was killed. There is such a record for each one, without exception.
  case killed(pid: Int32)
  /// Why it was chosen: `limit` is the path of the cgroup whose limit was reached, nil for the host
  /// itself, and `group` its own. Of many in a short time some are not logged.
  case chosen(pid: Int32, limit: String?, group: String?)

  /// Nil for a record of something else. `record` is as `KernelLog` gives it.
  package init?(_ record: String) {
    guard let semicolon = record.firstIndex(of: ";") else { return nil }
    let text = record[record.index(after: semicolon)...]
    if let pid = Self.killed(text) {
      self = .killed(pid: pid)
    } else if text.hasPrefix("oom-kill:") {
      guard let chosen = Self.chosen(text) else { return nil }
      self = chosen
    } else {
      return nil
    }
  }

  private static let heads = [
    "Memory cgroup out of memory: Killed process ", "Out of memory: Killed process ",
    "Out of memory (oom_kill_allocating_task): Killed process ",
  ]

  /// As `Out of memory: Killed process 8868 (tail) total-vm:35072kB, …`.
  private static func killed(_ text: Substring) -> Int32? {
    guard let head = self.heads.first(where: { text.hasPrefix($0) }) else { return nil }
    let rest = text.dropFirst(head.count)
    let digits = rest.prefix { $0 != " " }
    guard rest.dropFirst(digits.count).hasPrefix(" (") else { return nil }
    return Int32(digits)
  }

  /// As `oom-kill:constraint=…,oom_memcg=/a,task_memcg=/a/b,task=tail,pid=8868,uid=0`.
  private static func chosen(_ text: Substring) -> OOMRecord? {
    let fields = text.split(separator: ",")
    func value(_ key: String, _ fields: ArraySlice<Substring>) -> String? {
      fields.first { $0.hasPrefix(key) }.map { String($0.dropFirst(key.count)) }
    }
    // A process chooses its name: what it writes there must not pass for the kernel's words.
    let paths = fields.prefix { !$0.hasPrefix("task=") }
    let numbers = fields.suffix(2)
    guard let pid = value("pid=", numbers).flatMap({ Int32($0) }) else { return nil }
    return .chosen(
      pid: pid, limit: value("oom_memcg=", paths), group: value("task_memcg=", paths))
  }
}
