import JobStore
import Linux

/// What a keeper sees of its job beside the kernel's counters: how long there was something of it, who the
/// target is, and what the kernel's log says.
struct Witness {
  private let log: KernelLog?
  private var problem: String?
  /// Nanoseconds on the boot clock.
  private var began: Int64
  private var first: Int32 = 0
  private var target: Int32?
  private(set) var lifetime: UInt64?

  /// To be made before anything is in the job's cgroup.
  init() {
    self.began = Clock.boot()
    do throws(SystemError) { self.log = try KernelLog() } catch {
      self.log = nil
      self.problem = "\(error)"
    }
  }

  /// What was set up ahead has only waited from `ready` until now, when it becomes a job.
  mutating func jobCame(ready: Int64) {
    self.began += Clock.boot() - ready
    self.log?.skip()
  }

  /// PID 1, which is `first` here, has started the target, which is `inside` there. To be called at once.
  mutating func targetStarted(_ inside: Int32, under first: Int32) {
    self.first = first
    self.target = Self.child(inside, of: first)
  }

  /// Every process is dead.
  mutating func jobEnded() {
    self.lifetime = UInt64(max(Clock.boot() - self.began, 0))
  }

  /// The oldest child of `first`, if that is the target still: those that PID 1 inherits come after it.
  private static func child(_ inside: Int32, of first: Int32) -> Int32? {
    guard let children = try? File.readText("/proc/\(first)/task/\(first)/children"),
      let pid = children.split(separator: " ").first.flatMap({ Int32($0) }),
      let status = try? File.readText("/proc/\(pid)/status"),
      // As each PID namespace counts it, the innermost last, see proc_pid_status(5).
      let numbers = status.split(separator: "\n").first(where: { $0.hasPrefix("NSpid:") }),
      numbers.split(whereSeparator: \.isWhitespace).last.flatMap({ Int32($0) }) == inside
    else { return nil }
    return pid
  }
}

extension Witness {
  /// What the kernel's log says of an end that the counts leave open.
  func killReport(of plan: LaunchPlan) -> ExitRecord.Evidence {
    let folder = plan.cgroup2 ?? plan.cgroupsV1.first ?? ""
    let group = folder.split(separator: "/").last.map(String.init) ?? ""
    var report = KillReport(target: self.target, first: self.first, group: group)
    report.problem = self.problem
    if !KernelLog.hasOurNumbers {
      report.problem = "this host's worker runs in a PID namespace of its own"
    } else if let log {
      let isWhole = log.read { report.take($0) }
      report.isWhole = isWhole
    }
    return ExitRecord.Evidence(name: KillReport.name, content: report.text)
  }

  /// Whether a process of the job was killed for lack of memory.
  static func sawOOMKill(_ evidence: [ExitRecord.Evidence]) -> Bool {
    evidence.contains { file in
      ["memory.events", "v1/memory.oom_control"].contains(file.name)
        && file.content.split(separator: "\n").contains {
          $0.hasPrefix("oom_kill ") && $0 != "oom_kill 0"
        }
    }
  }
}
