package import JobAPI
package import JobEngine
import SwiftProtobuf

/// From the engine's status to the API's job.
extension Worker_V1_Job {
  package init(_ status: JobStatus) {
    self.init()
    self.id = status.id.description
    self.name = status.spec.name ?? ""
    self.owner = status.owner
    self.command = status.spec.command
    self.state = Worker_V1_JobState(status.state)
    self.setTimes(status)
    if let verdict = status.verdict { self.exit = Worker_V1_Exit(verdict) }
    self.limits = Worker_V1_Limits(status.spec.limits)
    self.applied = status.applied.mapValues { limit in .with { $0.set(limit) } }
    self.usage = Worker_V1_Usage(status.usage)
    self.outputBytes = status.outputBytes
    self.labels = status.spec.labels
    self.workingDirectory = status.spec.workingDirectory ?? ""
    self.user = "\(status.uid):\(status.gid)"
    self.network = Worker_V1_Network(status.spec.network)
    self.pid = status.pid ?? 0
    self.isolation = Worker_V1_Isolation(status.isolation)
    self.paused = status.isPaused
    if let quota = status.spec.outputQuota { self.outputQuota = quota }
    self.outputFull = Worker_V1_OutputFull(status.spec.whenOutputFull)
  }

  private mutating func setTimes(_ status: JobStatus) {
    self.createTime = Google_Protobuf_Timestamp(nanoseconds: status.createTime)
    if let time = status.startTime { self.startTime = Google_Protobuf_Timestamp(nanoseconds: time) }
    if let time = status.endTime { self.endTime = Google_Protobuf_Timestamp(nanoseconds: time) }
    if let timeout = status.spec.timeout { self.timeout = Google_Protobuf_Duration(timeout) }
    if let time = status.spec.cpuTime { self.cpuTime = Google_Protobuf_Duration(time) }
  }
}

extension Worker_V1_AppliedLimit {
  fileprivate mutating func set(_ limit: AppliedLimit) {
    self.file = limit.file
    self.value = limit.value
    self.note = limit.note
    self.unenforced = limit.unenforced ?? ""
  }
}

extension Worker_V1_JobState {
  init(_ state: JobState) {
    switch state {
    case .starting: self = .starting
    case .running: self = .running
    case .stopping: self = .stopping
    case .finished: self = .finished
    }
  }
}

extension Worker_V1_Exit {
  init(_ verdict: Verdict) {
    self.init()
    if let code = verdict.code { self.code = code }
    if let signal = verdict.signal { self.signal = signal }
    self.reason = Worker_V1_ExitReason(verdict.reason)
    self.message = verdict.message
    self.evidence = verdict.evidence
  }
}

extension Worker_V1_ExitReason {
  init(_ reason: Verdict.Reason) {
    switch reason {
    case .exited: self = .exited
    case .signaled: self = .signaled
    case .stopped: self = .stopped
    case .timedOut: self = .timedOut
    case .oomKilled: self = .oomKilled
    case .startFailed: self = .startFailed
    case .lost: self = .lost
    }
  }
}

extension Worker_V1_Usage {
  init(_ usage: Usage) {
    self.init()
    self.cpuTime = Google_Protobuf_Duration(usage.cpuTime)
    self.cpuThrottledTime = Google_Protobuf_Duration(usage.cpuThrottledTime)
    self.memoryBytes = usage.memoryBytes
    self.memoryPeakBytes = usage.memoryPeakBytes
    self.ioReadBytes = usage.ioReadBytes
    self.ioWriteBytes = usage.ioWriteBytes
    self.pids = usage.pids
    self.cpuUserTime = Google_Protobuf_Duration(usage.cpuUserTime)
    self.cpuSystemTime = Google_Protobuf_Duration(usage.cpuSystemTime)
    self.ioReadOps = usage.ioReadOps
    self.ioWriteOps = usage.ioWriteOps
    self.pidsPeak = usage.pidsPeak
    self.oomKills = usage.oomKills
    self.pidsRefusals = usage.pidsRefusals
    if let time = usage.cpuStalledTime { self.cpuStalledTime = Google_Protobuf_Duration(time) }
    if let time = usage.memoryStalledTime {
      self.memoryStalledTime = Google_Protobuf_Duration(time)
    }
    if let time = usage.ioStalledTime { self.ioStalledTime = Google_Protobuf_Duration(time) }
  }
}

extension Google_Protobuf_Timestamp {
  /// Nanoseconds since 1970.
  init(nanoseconds: Int64) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    self.init(seconds: seconds, nanos: Int32(rest))
  }
}

extension Google_Protobuf_Duration {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }
}
