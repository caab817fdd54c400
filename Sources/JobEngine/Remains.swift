import Glibc
import JobStore
import Linux

/// What a keeper leaves that could not do its work to the end.
enum Remains {
  /// Ends what is left of the job, and writes the record that its keeper could not write. Blocks.
  static func settle(
    _ job: Job, after end: ProcessEnd?, in state: StateDirectory
  ) throws(StoreError) -> ExitRecord {
    try self.settle(job.id, start: job.state.value.start, why: self.why(end), in: state)
  }

  /// Why nobody wrote down how the job ended. A keeper that leaves by itself without doing so could
  /// not: its disk was full or failed, or there was no memory.
  static func why(_ end: ProcessEnd?) -> String {
    switch end {
    case .signaled(number: 9): "its keeper was killed"
    case .signaled(let number): "its keeper was ended by signal \(number)"
    case .exited: "its keeper could not write down how it ended: is the disk full, or failing?"
    case nil: "its keeper was killed, or could not write down how it ended"
    }
  }

  static func settle(
    _ id: JobID, start: StartRecord?, why: String, in state: StateDirectory
  ) throws(StoreError) -> ExitRecord {
    // Counters first: they go with the cgroups. Both are missing after a reboot.
    let plan = try self.plan(of: id, in: state)
    let evidence = KernelFile.contents(of: plan?.evidence ?? [])
    if let plan { self.clear(Cgroup(plan), initProcess: self.initProcess(of: start)) }
    var record = ExitRecord(
      end: nil, cause: .itself, killed: false, time: Clock.wall(), journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: evidence, lost: why)
    try self.measureOutput(of: id, in: state, into: &record)
    self.write(record, of: id, in: state)
    return record
  }

  /// Nil when it is missing or torn.
  private static func plan(
    of id: JobID, in state: StateDirectory
  ) throws(StoreError) -> LaunchPlan? {
    do throws(StoreError) {
      return try LaunchPlan(state.read(JobDirectory.launch, of: id))
    } catch {
      if error.isShortage { throw error }
      return nil
    }
  }

  /// PID 1 by its number; nil when that may mean a stranger: after a reboot numbers and start times
  /// come again.
  private static func initProcess(of start: StartRecord?) -> ProcessIdentity? {
    guard let start, start.bootID == (try? ProcessIdentity.bootID()) else { return nil }
    return start.initProcess
  }

  /// Kills every process and takes the cgroups away; false when not all could be.
  @discardableResult
  static func clear(_ cgroup: Cgroup, initProcess: ProcessIdentity? = nil) -> Bool {
    // It has PR_SET_PDEATHSIG, so it is dying already; with it goes its namespace, which also holds
    // what a host without a cgroup to kill in would miss, see pid_namespaces(7).
    if let initProcess, let process = try? PIDFD(process: initProcess.pid),
      (try? ProcessIdentity(of: initProcess.pid)) == initProcess
    {
      try? process.signal(SIGKILL)  // ESRCH: it has ended
    }
    return cgroup.clear()
  }

  /// Clears a start that came to nothing. Its folder is the only thing that remembers its cgroups, so
  /// it stays while one of them does, and the next worker tries again.
  static func discard(_ id: JobID, in state: StateDirectory) {
    if let plan = try? LaunchPlan(state.read(JobDirectory.launch, of: id)) {
      guard self.clear(Cgroup(plan)) else { return }
    }
    state.discard(id)
  }

  /// What the keeper of a finished job may have left, if it was killed in its last moments.
  static func sweep(_ id: JobID, in state: StateDirectory) {
    if let plan = try? LaunchPlan(state.read(JobDirectory.launch, of: id)) {
      self.clear(Cgroup(plan))
    }
  }

  /// The files of a finished job: where its keeper has put them, or where they were. Blocks for as long as
  /// it takes; what is left when `goesOn` says no is the next worker's.
  static func removeFiles(
    of id: JobID, in state: StateDirectory, while goesOn: () -> Bool = { true }
  ) {
    state.removeTrash(JobDirectory.trashedFiles(of: id.description), while: goesOn)
    guard let folder = try? state.open(id), let names = try? Folder.names(in: folder) else {
      return
    }
    for name in names where JobDirectory.isTree(name) {
      try? Folder.removeTree(name, in: folder, while: goesOn)
    }
  }

  /// For a record that is there and cannot be read: how the job ended is not known, its output is all that
  /// is kept, and nothing is written over the record. Blocks.
  static func unreadable(
    _ error: StoreError, of id: JobID, in state: StateDirectory
  ) throws(StoreError) -> ExitRecord {
    var record = ExitRecord(
      end: nil, cause: .itself, killed: false, time: Clock.wall(), journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: [], lost: "its exit record cannot be read: \(error)")
    do throws(StoreError) {
      let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
      if let time = self.changeTime(of: JobDirectory.exit, in: folder) { record.time = time }
      record.journalStart = try self.bases(in: folder).first ?? 0
      try self.takeEnd(of: id, in: folder, into: &record)
    } catch {
      if error.isShortage { throw error }
      // Damage, which readers meet, too. No journal: no output.
    }
    return record
  }

  /// A record is written when its job ends.
  private static func changeTime(
    of name: String, in folder: borrowing OwnedDescriptor
  ) -> Int64? {
    guard let file = try? File.open(name, in: folder, O_RDONLY) else { return nil }
    return try? FileIdentity.changeTime(of: file)
  }

  private static func write(_ record: ExitRecord, of id: JobID, in state: StateDirectory) {
    do throws(SystemError) {
      let folder = try state.open(id)
      do throws(SystemError) {
        try File.replace(JobDirectory.exit, in: folder, with: record.encoded())
      } catch {
        // The disk is full, and by this job perhaps: without its files there may be room.
        try Folder.removeTree(JobDirectory.files, in: folder)
        try File.replace(JobDirectory.exit, in: folder, with: record.encoded())
      }
    } catch {
      // Not written: the next worker on this state directory finds it lost again, and tries again.
    }
  }
}
