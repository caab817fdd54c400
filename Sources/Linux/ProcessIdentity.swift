import Glibc

/// A process by pid and start time: together they never come to mean another one in this boot.
package struct ProcessIdentity: Hashable, Sendable {
  package var pid: Int32
  /// Clock ticks after boot, field 22 of /proc/PID/stat, see proc(5).
  package var startTicks: UInt64

  package init(pid: Int32, startTicks: UInt64) {
    self.pid = pid
    self.startTicks = startTicks
  }

  /// Reads the start time of `pid`; fails with ENOENT or ESRCH when there is no such process.
  package init(of pid: Int32) throws(SystemError) {
    let text = try File.readText("/proc/\(pid)/stat")
    // Field 2, the name, may hold spaces and brackets: count behind its last bracket.
    guard let bracket = text.lastIndex(of: ")") else {
      throw SystemError(call: "read(/proc/\(pid)/stat)", errno: EINVAL)
    }
    let fields = text[text.index(after: bracket)...].split(separator: " ")
    guard fields.count > 19, let ticks = UInt64(fields[19]) else {
      throw SystemError(call: "read(/proc/\(pid)/stat)", errno: EINVAL)
    }
    self.init(pid: pid, startTicks: ticks)
  }

  package static var current: ProcessIdentity {
    get throws(SystemError) { try ProcessIdentity(of: getpid()) }
  }

  /// The kernel's id of this boot; read once, as no process sees another.
  package static func bootID() throws(SystemError) -> String {
    if let known = self.knownBootID.withLock({ $0 }) { return known }
    let text = try File.readText("/proc/sys/kernel/random/boot_id")
    let id = String(text.prefix { $0 != "\n" })
    self.knownBootID.withLock { $0 = id }
    return id
  }

  private static let knownBootID = Lock<String?>(nil)
}
