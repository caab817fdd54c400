import JobAPI
import Linux

/// A job as lines of `key: value`.
struct JobPage {
  private let job: Worker_V1_Job

  init(_ job: Worker_V1_Job) { self.job = job }

  var text: String {
    let pairs = self.identity + self.isolation + self.life + self.limits + self.usage
    let width = pairs.map(\.0.count).max() ?? 0
    return pairs.map { key, value in
      "\(key):\(String(repeating: " ", count: width - key.count + 1))\(Printable.escaped(value))\n"
    }.joined()
  }

  /// As the API writes it, `RUNNING`.
  static func name(_ state: Worker_V1_JobState) -> String {
    switch state {
    case .starting: "STARTING"
    case .running: "RUNNING"
    case .stopping: "STOPPING"
    case .finished: "FINISHED"
    case .unspecified, .UNRECOGNIZED: "UNKNOWN"
    }
  }

  private static func name(_ network: Worker_V1_Network) -> String {
    switch network {
    case .host: "host"
    case .nat: "nat"
    case .none, .unspecified, .UNRECOGNIZED: "none"
    }
  }

  /// As `RUNNING`, or `RUNNING (paused)`.
  static func state(of job: Worker_V1_Job) -> String {
    self.name(job.state) + (job.paused ? " (paused)" : "")
  }

  private var identity: [(String, String)] {
    var pairs = [("id", self.job.id)]
    if !self.job.name.isEmpty { pairs.append(("name", self.job.name)) }
    pairs.append(("owner", self.job.owner))
    pairs.append(("command", Printable.command(self.job.command)))
    for (key, value) in self.job.labels.sorted(by: { $0.key < $1.key }) {
      pairs.append(("label", "\(key)=\(value)"))
    }
    pairs.append(("user", self.job.user))
    if !self.job.workingDirectory.isEmpty { pairs.append(("workdir", self.job.workingDirectory)) }
    pairs.append(("network", Self.name(self.job.network)))
    return pairs
  }

  private var isolation: [(String, String)] {
    guard self.job.hasIsolation else { return [] }
    return IsolationLines(self.job.isolation).pairs
  }

  private var life: [(String, String)] {
    var pairs = [("state", Self.state(of: self.job))]
    if self.job.pid != 0 { pairs.append(("pid", "\(self.job.pid)")) }
    pairs.append(("created", Units.time(self.job.createTime)))
    if self.job.hasStartTime { pairs.append(("started", Units.time(self.job.startTime))) }
    if self.job.hasEndTime { pairs.append(("ended", Units.time(self.job.endTime))) }
    if self.job.hasTimeout { pairs.append(("timeout", Units.seconds(self.job.timeout))) }
    if self.job.hasCpuTime { pairs.append(("cpu budget", Units.seconds(self.job.cpuTime))) }
    guard self.job.hasExit else { return pairs }
    if self.job.exit.hasSignal, let signal = Signal(number: self.job.exit.signal) {
      pairs.append(("signal", "\(signal.name) (\(signal.number))"))
    }
    pairs.append(("exit code", "\(JobEnding(self.job).code)"))
    pairs.append(("verdict", self.job.exit.message))
    return pairs + self.job.exit.evidence.map { ("evidence", $0) }
  }

  /// What the kernel holds, which is what counts.
  private var limits: [(String, String)] {
    self.job.applied.sorted { $0.key < $1.key }.map { name, limit in
      ("limit", LimitNotes.line(name, limit))
    }
  }

  private var usage: [(String, String)] {
    UsageLines(self.job).pairs + [("output", Units.bytes(self.job.outputBytes))]
  }
}
