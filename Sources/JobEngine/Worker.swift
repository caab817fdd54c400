import Linux

/// Owns the jobs of one host: starts, stops, shows them and reads their output.
///
/// Every job runs in its own namespaces and cgroup under a keeper, a process that outlives the
/// worker: a worker that is opened on the same state directory later adopts what still runs. The
/// program that uses this library must begin its `main` with `JobInit.run` for the argument `init`, or
/// name one that does (`WorkerConfiguration.program`).
///
/// ```swift
/// let worker = try await Worker.open(WorkerConfiguration(stateDirectory: "/var/lib/worker"))
/// try await worker.prepare()
///
/// var spec = JobSpec(command: ["sh", "-c", "echo hello; echo oops >&2; exit 7"])
/// spec.name = "example"
/// spec.limits.cpu = 0.5
/// spec.limits.memory = 64 << 20
/// let job = try await worker.start(spec, owner: "alice")
///
/// var cursor: Cursor?
/// for try await event in try worker.output(of: job.id) {
///   switch event {
///   case .start: break  // only with a view, as of the last lines
///   case .chunk(let chunk):
///     print(chunk.stream, String(decoding: chunk.bytes, as: UTF8.self))
///     cursor = chunk.cursor  // worker.output(of: job.id, from: cursor) would go on here
///   case .gap(let gap):
///     print("bytes up to", gap.to, "are not kept:", gap.reason)
///   case .end(let end):
///     print("complete:", end.complete, "stdout:", end.stdoutBytes, "stderr:", end.stderrBytes)
///   }
/// }
///
/// let ended = try await worker.wait(job.id)
/// print(ended.verdict?.message ?? "", ended.usage.cpuTime, ended.applied["memory"]?.value ?? "")
/// try await worker.remove(job.id)
/// await worker.close()
/// ```
public final class Worker: Sendable {
  /// For all that blocks; shared by all workers of a process, as the runtime keeps executors for ever.
  static let threads = BlockingThreads(name: "engine", count: 4)
  /// For reading output from disk: however many read, starts and stops do not queue behind them.
  static let readers = BlockingThreads(name: "readers", count: 2)
  /// For looking through output for a beginning: whole segments a step.
  static let searchers = BlockingThreads(name: "searchers", count: 2)

  let configuration: WorkerConfiguration
  let jobsGroup: JobsGroup
  let state: StateDirectory
  let events: EventThread
  let registry: Watched<Registry>
  /// See `WorkerConfiguration.hiddenPaths` and `hide`.
  let hidden: Lock<[String]>
  let foundProblems = Lock<[String]>([])
  let prepared: PreparedJobs
  let hostMounts = HostMounts()
  let expiry = Lock(Expiry())
  /// Ends of jobs that are being written down, jobs being prepared, and what jobs left being removed.
  let endings = Watched(0)

  init(
    _ configuration: WorkerConfiguration, jobsGroup: JobsGroup, state: StateDirectory,
    events: EventThread, prepared: PreparedJobs, lasting: LastingIDs = LastingIDs()
  ) {
    self.configuration = configuration
    self.hidden = Lock(configuration.hiddenPaths)
    self.jobsGroup = jobsGroup
    self.state = state
    self.events = events
    self.prepared = prepared
    var registry = Registry(
      userIDs: configuration.userIDs, namespaceIDs: configuration.namespaceIDs, lasting: lasting)
    registry.totals = configuration.totals
    self.registry = Watched(registry)
  }

  /// Opens a state directory: finished jobs are listed, running ones adopted. Only one worker at a
  /// time may have it open.
  public static func open(_ configuration: WorkerConfiguration) async throws(WorkerError) -> Worker
  {
    try configuration.validate()
    let (group, state, lasting) = try await self.threads.run { () throws(WorkerError) in
      let state = try StateDirectory(configuration.stateDirectory, program: configuration.program)
      let group = try self.jobsGroup(configuration, of: state)
      return (group, state, try LastingIDFolder(in: state).read())
    }
    let prepared: PreparedJobs
    let events: EventThread
    do throws(SystemError) {
      prepared = try PreparedJobs()
      events = try await EventThread.start()
    } catch {
      throw WorkerError(.internal, "cannot start the engine's event thread: \(error)")
    }
    let worker = Worker(
      configuration, jobsGroup: group, state: state, events: events, prepared: prepared,
      lasting: lasting)
    do throws(WorkerError) {
      try await Self.threads.run { () throws(WorkerError) in try worker.adopt() }
    } catch {
      await events.stop()
      throw error
    }
    worker.expireSoon()
    return worker
  }

  /// `v2`, `v1` or `hybrid` (cgroup2 without controllers beside v1).
  public var cgroupVersion: String { self.jobsGroup.layout.version }

  /// What was found in the state directory and could not be read; it was left as it is.
  public var problems: [String] { self.foundProblems.withLock { $0 } }

  /// Checks that jobs can be started at all and makes the cgroups ready; throws with what is missing.
  public func prepare() async throws(WorkerError) {
    try self.checkPrivileges()
    let group = self.jobsGroup
    try await Self.threads.run { () throws(WorkerError) in try group.prepare() }
  }

  /// What is known of a job now.
  public func status(_ id: JobID) async throws(WorkerError) -> JobStatus {
    let job = try self.job(id)
    guard !job.state.value.isOver else { return job.status() }
    return await Self.threads.run { self.liveStatus(of: job) }
  }

  /// Every job, oldest first.
  public func jobs() -> [JobSummary] {
    let jobs = self.registry.read { Array($0.jobs.values) }
    return jobs.map(\.summary).sorted { ($0.createTime, $0.id) < ($1.createTime, $1.id) }
  }

  /// One of `jobs`, found without looking at the others; nil when there is none.
  public func summary(_ id: JobID) -> JobSummary? {
    self.registry.read { $0.jobs[id] }?.summary
  }

  /// Answers when the job has finished.
  public func wait(_ id: JobID) async throws(WorkerError) -> JobStatus {
    let job = try self.job(id)
    try await job.waitUntilOver()
    return job.status()
  }

  /// Forgets a finished job and frees its disk.
  public func remove(_ id: JobID) async throws(WorkerError) {
    let job = try self.job(id)
    switch job.state.change({ $0.remove() }) {
    case .refuse:
      throw WorkerError(.failedPrecondition, "job \(id) is not finished: stop it first")
    case .isRemoved:
      throw self.noSuchJob(id)
    case .remove:
      self.registry.change { $0.drop(job) }
      let state = self.state
      defer { self.sweepRemoved(id) }
      do throws(SystemError) {
        try await Self.threads.run { () throws(SystemError) in
          Remains.sweep(id, in: state)
          try state.putAside(id)
        }
      } catch {
        throw WorkerError(.internal, "job \(id) is forgotten, but not all its files: \(error)")
      }
    }
  }

  /// Lets go of everything; the jobs keep running. Whoever waits gets `unavailable`.
  public func close() async {
    self.registry.change { $0.close() }
    // A start that hangs would be waited for as long, and a keeper needs somebody to answer to.
    for job in self.registry.read({ Array($0.jobs.values) })
    where job.state.change({ $0.abandonStart(.closing) }) {
      job.killStartingKeeper()
    }
    await self.registry.waitUncancelled { $0.starting == 0 }
    for job in self.registry.read({ Array($0.jobs.values) }) {
      job.state.change { $0.close() }
    }
    await self.events.stop()
    await Self.threads.run { self.prepared.close(in: self.state) }
    // An end that was seen is written down before another worker may look.
    await self.endings.waitUncancelled { $0 == 0 }
    await Self.threads.run { self.jobsGroup.remove() }
    self.state.unlock()
  }
}

extension Worker {
  func job(_ id: JobID) throws(WorkerError) -> Job {
    let (job, isClosed) = self.registry.read { ($0.jobs[id], $0.isClosed) }
    if isClosed { throw .closing }
    guard let job else { throw self.noSuchJob(id) }
    return job
  }

  func noSuchJob(_ id: JobID) -> WorkerError { WorkerError(.notFound, "no such job '\(id)'") }

  func checkPrivileges() throws(WorkerError) {
    let problem = Privileges.problem(uid: CurrentProcess.effectiveUID) {
      CurrentProcess.hasCapability($0)
    }
    if let problem { throw WorkerError(.failedPrecondition, problem) }
  }

  private static func jobsGroup(
    _ configuration: WorkerConfiguration, of state: StateDirectory
  ) throws(WorkerError) -> JobsGroup {
    do throws(SystemError) {
      return try JobsGroup(
        in: try CgroupLayout.detect(root: configuration.cgroupRoot),
        of: try FileIdentity(of: File.openFolder(state.path)), totals: configuration.totals)
    } catch {
      throw WorkerError(.failedPrecondition, "cannot find out about cgroups: \(error)")
    }
  }
}
