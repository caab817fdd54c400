import JobStore
import Linux

extension Worker {
  /// The cgroup of a job, whose folders may be gone.
  func cgroup(of job: Job) async throws(WorkerError) -> Cgroup {
    let state = self.state
    return try await Self.threads.run { () throws(WorkerError) in try state.cgroup(of: job.id) }
  }

  /// Whether the job is at its end: its cgroup goes before its end is written down. Answers once the
  /// job is over then, so that nobody is told of a cgroup that is not there.
  func isEnding(_ job: Job, _ cgroup: Cgroup) async throws(WorkerError) -> Bool {
    guard await Self.threads.run({ cgroup.isGone }) else { return false }
    try await job.waitUntilOver()
    return true
  }
}

extension StateDirectory {
  /// Blocks.
  func cgroup(of id: JobID) throws(WorkerError) -> Cgroup {
    do throws(StoreError) {
      return Cgroup(try LaunchPlan(self.read(JobDirectory.launch, of: id)))
    } catch {
      throw WorkerError(.internal, "cannot read the plan of job \(id): \(error)")
    }
  }
}
