/// Where a job is in its life; it only ever moves down this list.
public enum JobState: Hashable, Sendable {
  /// Being set up; its program has not been executed yet.
  case starting
  /// Its program has been executed.
  case running
  /// Told to stop, not gone yet.
  case stopping
  /// Gone, with a verdict.
  case finished
}

/// How and why a job ended, with the evidence.
public struct Verdict: Hashable, Sendable {
  /// The kinds of endings.
  public enum Reason: Hashable, Sendable {
    case exited, signaled, stopped, timedOut, oomKilled, startFailed, lost
  }

  /// The kind of ending.
  public var reason: Reason
  /// The exit code, when it ended by exit.
  public var code: Int32?
  /// The signal's number, when a signal ended it.
  public var signal: Int32?
  /// One sentence for a person.
  public var message: String
  /// What the verdict rests on, as `memory.events: oom_kill 1`.
  public var evidence: [String]

  /// A verdict of these parts.
  public init(
    reason: Reason, code: Int32? = nil, signal: Int32? = nil, message: String,
    evidence: [String] = []
  ) {
    self.reason = reason
    self.code = code
    self.signal = signal
    self.message = message
    self.evidence = evidence
  }
}

/// A limit as the kernel holds it, read back after the start.
public struct AppliedLimit: Hashable, Sendable {
  /// The kernel's file, as `memory.max`.
  public var file: String
  /// Its content, as `268435456`.
  public var value: String

  /// What is to be known of it, as `more than the 2 cores of this host`; mostly empty.
  public var note = ""
  /// Why it does not hold, where the best effort was asked for; `file` and `value` are empty then.
  public var unenforced: String?

  /// `value` as read from `file`.
  public init(file: String, value: String) {
    self.file = file
    self.value = value
  }

  /// A limit that does not hold.
  public init(unenforced reason: String) {
    self.init(file: "", value: "")
    self.unenforced = reason
  }
}

/// What a job has used so far; final once it has finished.
public struct Usage: Hashable, Sendable {
  /// Processor time, user and system.
  public var cpuTime: Duration = .zero
  /// Time in which it wanted processor time and had used up its limit.
  public var cpuThrottledTime: Duration = .zero
  /// Bytes now; 0 once finished.
  public var memoryBytes: Int64 = 0
  /// The highest use in bytes seen by the kernel.
  public var memoryPeakBytes: Int64 = 0
  /// Bytes read from disks.
  public var ioReadBytes: Int64 = 0
  /// Bytes written to disks.
  public var ioWriteBytes: Int64 = 0
  /// Processes and threads now; 0 once finished.
  public var pids: Int64 = 0
  /// Of `cpuTime`, what its own code took.
  public var cpuUserTime: Duration = .zero
  /// Of `cpuTime`, what the kernel took for it.
  public var cpuSystemTime: Duration = .zero
  /// Reads from disks.
  public var ioReadOps: Int64 = 0
  /// Writes to disks.
  public var ioWriteOps: Int64 = 0
  /// The most processes and threads at a time; 0 where the kernel does not count that.
  public var pidsPeak: Int64 = 0
  /// Time in which some of it waited for a processor; nil where the kernel does not say (PSI).
  public var cpuStalledTime: Duration?
  /// Time in which some of it waited for memory.
  public var memoryStalledTime: Duration?
  /// Time in which some of it waited for disks.
  public var ioStalledTime: Duration?
  /// Processes of it that the kernel killed for lack of memory.
  public var oomKills: Int64 = 0
  /// New processes that its limit refused.
  public var pidsRefusals: Int64 = 0

  /// Nothing used.
  public init() {}
}

/// What is known of a job now.
public struct JobStatus: Hashable, Sendable {
  /// Its identifier.
  public var id: JobID
  /// What was asked.
  public var spec: JobSpec
  /// Who started it: the name in the certificate.
  public var owner: String
  /// Where it is in its life.
  public var state: JobState
  /// Nanoseconds since 1970, as all times here.
  public var createTime: Int64
  /// When its program was executed.
  public var startTime: Int64?
  /// When it was gone.
  public var endTime: Int64?
  /// How it ended, once finished.
  public var verdict: Verdict?
  /// By the limit's name as in the API, as `memory`.
  public var applied: [String: AppliedLimit] = [:]
  /// What it has used.
  public var usage = Usage()
  /// Bytes of output kept, both streams.
  public var outputBytes: Int64 = 0
  /// PID 1 of the job as the host sees it, while it lives.
  public var pid: Int32?
  /// True while every process of it is frozen.
  public var isPaused = false
  /// The answer to a start that had been asked for before: this is the job of that time.
  public var isRepeated = false
  /// The ids it runs as.
  public var uid: UInt32
  /// The group id it runs as.
  public var gid: UInt32

  /// A status of these parts; the rest is filled in later.
  public init(
    id: JobID, spec: JobSpec, owner: String, state: JobState, createTime: Int64, uid: UInt32,
    gid: UInt32
  ) {
    self.id = id
    self.spec = spec
    self.owner = owner
    self.state = state
    self.createTime = createTime
    self.uid = uid
    self.gid = gid
  }
}

/// The little that finding a job needs; cheap, unlike a `JobStatus`.
public struct JobSummary: Hashable, Sendable {
  /// Its identifier.
  public var id: JobID
  /// Its name, if it has one.
  public var name: String?
  /// Who started it.
  public var owner: String
  /// Where it is in its life.
  public var state: JobState
  /// Nanoseconds since 1970.
  public var createTime: Int64
  /// Its labels.
  public var labels: [String: String]

  /// A summary of these parts.
  public init(
    id: JobID, name: String?, owner: String, state: JobState, createTime: Int64,
    labels: [String: String]
  ) {
    self.id = id
    self.name = name
    self.owner = owner
    self.state = state
    self.createTime = createTime
    self.labels = labels
  }
}
