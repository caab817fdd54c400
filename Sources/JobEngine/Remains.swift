import Glibc
import JobStore
import Linux

/// What a keeper leaves that could not do its work to the end.
enum Remains {
  /// Ends what is left of the job, and writes the record that its keeper could not write. Blocks.
  static func settle(_ job: Job, in state: StateDirectory) -> ExitRecord {
    self.settle(job.id, start: job.state.value.start, why: "its keeper was killed", in: state)
  }

  static func settle(
    _ id: JobID, start: StartRecord?, why: String, in state: StateDirectory
  ) -> ExitRecord {
    // Counters first: they go with the cgroups. Both are missing after a reboot.
    let plan = try? LaunchPlan(state.read(JobDirectory.launch, of: id))
    let evidence = KernelFile.contents(of: plan?.evidence ?? [])
    if let plan { self.clear(Cgroup(plan), initProcess: start?.initProcess) }
    var record = ExitRecord(
      end: nil, cause: .itself, killed: false, time: Clock.wall(), journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: evidence, lost: why)
    self.measureOutput(of: id, in: state, into: &record)
    self.write(record, of: id, in: state)
    return record
  }

  /// Kills every process and takes the cgroups away.
  static func clear(_ cgroup: Cgroup, initProcess: ProcessIdentity?) {
    cgroup.kill()
    // With PID 1 every process of its namespace is dead once its pidfd says so, see
    // pid_namespaces(7). It has PR_SET_PDEATHSIG, so it is dying already.
    if let initProcess, let process = try? PIDFD(process: initProcess.pid),
      (try? ProcessIdentity(of: initProcess.pid)) == initProcess
    {
      try? process.signal(SIGKILL)  // ESRCH: it has ended
      var entries = [
        pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      ]
      while entries[0].revents == 0, (try? Poll.wait(&entries)) != nil {}
    }
    cgroup.remove()
  }

  /// For a record that is there and cannot be read: nothing is known, and nothing is written over it.
  static func unreadable(_ error: StoreError) -> ExitRecord {
    ExitRecord(
      end: nil, cause: .itself, killed: false, time: Clock.wall(), journalEnd: 0, stdoutBytes: 0,
      stderrBytes: 0, evidence: [], lost: "its exit record cannot be read: \(error)")
  }

  /// Finds the last whole record: what lies behind it was being written and is not served.
  private static func measureOutput(
    of id: JobID, in state: StateDirectory, into record: inout ExitRecord
  ) {
    do throws(StoreError) {
      let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
      var reader = try JournalReader(folder: folder, jobID: id.description)
      record.journalEnd = reader.position
      while case .record(let piece) = try reader.next(waiting: true) {
        let end = piece.offset + UInt64(piece.bytes.count)
        switch piece.stream {
        case .stdout: record.stdoutBytes = end
        case .stderr: record.stderrBytes = end
        }
        record.journalEnd = piece.end
      }
    } catch {
      // Damage ends what can be served; readers meet it at the same place. No journal: no output.
    }
  }

  private static func write(_ record: ExitRecord, of id: JobID, in state: StateDirectory) {
    do throws(SystemError) {
      let folder = try state.open(id)
      try Folder.removeTree(JobDirectory.files, in: folder)
      try File.replace(JobDirectory.exit, in: folder, with: record.encoded())
    } catch {
      // Not written: the next worker on this state directory finds it lost again, and tries again.
    }
  }
}
