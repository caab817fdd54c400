package import Linux

/// How a job ended, as the keeper saw it: facts, which the engine makes a verdict of.
package struct ExitRecord: Hashable, Sendable {
  /// Why the keeper ended the job, if it did: the first cause wins.
  package enum Cause: Hashable, Sendable {
    /// Nobody did: it ended by itself or by the kernel.
    case itself
    /// StopJob, by this identity.
    case stop(by: String)
    case timeout
    /// Its budget of processor time was used up.
    case cpuTime
    /// Its output could not be written, with the errno.
    case output(Int32)
    /// Its output reached the quota.
    case quota
  }

  /// Output that was dropped at the end and that the journal had no room to tell of.
  package struct Untold: Hashable, Sendable {
    /// The first byte of each stream that is missing; all behind it are.
    package var from: StreamCounts
    package var reason: JournalGap.Reason

    package init(from: StreamCounts, reason: JournalGap.Reason) {
      self.from = from
      self.reason = reason
    }
  }

  /// A file of the kernel, as it stood at the end: `memory.events` and its content.
  package struct Evidence: Hashable, Sendable {
    package var name: String
    package var content: String
    package init(name: String, content: String) {
      self.name = name
      self.content = content
    }
  }

  /// Bytes that its file hardly ever needs more of: what a keeper reserves.
  package static let usualSize = 4096

  /// How the target ended; nil when that is not known (PID 1 was killed first).
  package var end: ProcessEnd?
  package var cause: Cause
  /// True when the keeper had to kill: the grace period was over, or there was none.
  package var killed: Bool
  /// Nanoseconds since 1970.
  package var time: Int64
  /// Where the oldest segment begins that is kept; nothing before it may be missing later.
  package var journalStart: UInt64 = 0
  /// The journal's end, and the bytes of each stream: what every reader must reach.
  package var journalEnd: UInt64
  package var stdoutBytes: UInt64
  package var stderrBytes: UInt64
  package var evidence: [Evidence]
  /// Who sent the signal that ended it, if that was done by SignalJob.
  package var signaledBy: String?
  /// Nanoseconds between that signal, or the resume that let it through, and the end.
  package var signaledAgo: UInt64?
  /// Nanoseconds in which the job's processes could wait for something: its set-up and its run.
  package var lifetime: UInt64?
  /// Set by the engine alone, for a job whose keeper is gone: why it is lost.
  package var lost: String?
  package var untold: Untold?

  package init(
    end: ProcessEnd?, cause: Cause, killed: Bool, time: Int64, journalEnd: UInt64,
    stdoutBytes: UInt64, stderrBytes: UInt64, evidence: [Evidence], lost: String? = nil
  ) {
    self.end = end
    self.cause = cause
    self.killed = killed
    self.time = time
    self.journalEnd = journalEnd
    self.stdoutBytes = stdoutBytes
    self.stderrBytes = stderrBytes
    self.evidence = evidence
    self.lost = lost
  }
}

extension ExitRecord {
  package func encoded() -> [UInt8] {
    var fields = Fields()
    switch self.end {
    case .exited(let code): fields.append("exited", code)
    case .signaled(let number): fields.append("signaled", number)
    case nil: break
    }
    switch self.cause {
    case .itself: break
    case .stop(let by): fields.append("cause.stop", by)
    case .timeout: fields.append("cause.timeout", "")
    case .cpuTime: fields.append("cause.cpu-time", "")
    case .output(let errno): fields.append("cause.output", errno)
    case .quota: fields.append("cause.quota", "")
    }
    fields.append("killed", self.killed ? 1 : 0)
    fields.append("signaled.by", self.signaledBy)
    fields.append("signaled.ago", self.signaledAgo)
    fields.append("lifetime", self.lifetime)
    fields.append("time", self.time)
    fields.append("journal.start", self.journalStart)
    fields.append("journal", self.journalEnd)
    fields.append("stdout", self.stdoutBytes)
    fields.append("stderr", self.stderrBytes)
    for evidence in self.evidence {
      fields.append("evidence.name", evidence.name)
      fields.append("evidence", evidence.content)
    }
    fields.append("lost", self.lost)
    self.untold?.append(to: &fields)
    return fields.encoded(kind: "exit")
  }

  package init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "exit")
    self.end =
      fields.number("exited").map { .exited(code: $0) }
      ?? fields.number("signaled").map { .signaled(number: $0) }
    self.cause =
      fields["cause.stop"].map { .stop(by: $0) }
      ?? fields["cause.timeout"].map { _ in .timeout }
      ?? fields["cause.cpu-time"].map { _ in .cpuTime }
      ?? fields["cause.quota"].map { _ in .quota }
      ?? fields.number("cause.output").map { .output($0) } ?? .itself
    self.killed = fields["killed"] == "1"
    self.time = try fields.required("time")
    self.journalStart = try fields.required("journal.start")
    self.journalEnd = try fields.required("journal")
    self.stdoutBytes = try fields.required("stdout")
    self.stderrBytes = try fields.required("stderr")
    self.evidence = zip(fields.all("evidence.name"), fields.all("evidence"))
      .map { Evidence(name: $0, content: $1) }
    self.signaledBy = fields["signaled.by"]
    self.signaledAgo = fields.number("signaled.ago")
    self.lifetime = fields.number("lifetime")
    self.lost = fields["lost"]
    self.untold = Untold(fields)
  }
}

extension ExitRecord.Untold {
  fileprivate func append(to fields: inout Fields) {
    fields.append("untold.stdout", self.from.stdout)
    fields.append("untold.stderr", self.from.stderr)
    if case .disk(let errno) = self.reason { fields.append("untold.errno", errno) }
  }

  fileprivate init?(_ fields: Fields) {
    guard let stdout: UInt64 = fields.number("untold.stdout"),
      let stderr: UInt64 = fields.number("untold.stderr")
    else { return nil }
    self.from = StreamCounts()
    self.from.stdout = stdout
    self.from.stderr = stderr
    self.reason = fields.number("untold.errno").map { .disk(errno: $0) } ?? .quota
  }
}

extension ExitRecord {
  /// Bytes that the job wrote to each stream.
  package var output: StreamCounts {
    var counts = StreamCounts()
    (counts.stdout, counts.stderr) = (self.stdoutBytes, self.stderrBytes)
    return counts
  }
}
