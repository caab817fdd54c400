import Glibc
import JobStore
import Linux

/// How much processor time a job may use, and when to look how much it has used.
///
/// DESIGN: no kernel interface reports that a group has used so much (RLIMIT_CPU counts one process).
/// But with R left on a host of n processors it cannot be used up before R / n from now, so one timer
/// for that moment is enough: a job that uses all processors is looked at a few times, one that uses
/// less more often, as what is left shrinks. The pause between two looks is never shorter than
/// `shortest`, so that a keeper costs nothing measurable, and a job can use at most so much too much
/// on each processor.
struct CPUBudget: Hashable {
  static let shortest: UInt64 = 50_000_000

  private let limit: UInt64
  private let processors: UInt64
  /// Nanoseconds on the boot clock; nil while nothing can be used.
  private(set) var lookAt: UInt64?

  init(limit: UInt64, processors: Int) {
    self.limit = limit
    self.processors = UInt64(max(processors, 1))
  }

  init?(_ plan: LaunchPlan) {
    guard let limit = plan.cpuTime else { return nil }
    self.init(limit: limit, processors: sysconf(CInt(_SC_NPROCESSORS_ONLN)))
  }

  /// The job runs, or runs again: what it used before is not known here.
  mutating func begin(now: UInt64) {
    self.lookAt = now
  }

  mutating func end() {
    self.lookAt = nil
  }

  /// True once, when nothing is left; otherwise the next look is set.
  mutating func isUsedUp(by used: UInt64?, now: UInt64) -> Bool {
    if let used, used >= self.limit {
      self.lookAt = nil
      return true
    }
    let left = self.limit - (used ?? self.limit)
    let (next, overflow) = now.addingReportingOverflow(max(left / self.processors, Self.shortest))
    self.lookAt = overflow ? .max : next
    return false
  }
}

extension CPUBudget {
  /// Nanoseconds that the job has used; nil when the kernel does not say.
  static func used(_ plan: LaunchPlan) -> UInt64? {
    for file in plan.evidence {
      switch file.name {
      case "cpu.stat":
        guard let text = try? File.readText(file.content) else { return nil }
        return self.microseconds(in: text).map { $0 &* 1000 }
      case "v1/cpuacct.usage":
        guard let text = try? File.readText(file.content) else { return nil }
        return UInt64(text.prefix { !$0.isWhitespace })
      default: break
      }
    }
    return nil
  }

  /// Of a `cpu.stat`, see cgroup-v2 in the kernel's documentation.
  static func microseconds(in text: String) -> UInt64? {
    let key = "usage_usec "
    return text.split(separator: "\n").first { $0.hasPrefix(key) }
      .flatMap { UInt64($0.dropFirst(key.count)) }
  }
}

extension CgroupFreezer {
  /// Of the job's cgroup; nil on a host that can freeze nothing.
  init?(_ plan: LaunchPlan) {
    self.init(unified: plan.cgroup2, legacy: plan.cgroupsV1)
  }
}
