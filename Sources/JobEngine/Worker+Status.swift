import Glibc
import JobStore
import Linux

extension Worker {
  /// The status of a living job, with what the kernel says of it now. Blocks.
  func liveStatus(of job: Job) -> JobStatus {
    let files = job.state.value.usageFiles
    let contents = KernelFile.contents(of: files)
    var usage = Usage(contents)
    let bytes = self.state.outputBytes(of: job.id)
    let status = job.status()
    // It ended meanwhile: the record knows better.
    guard status.state != .finished else { return status }
    var live = status
    usage.memoryPeakBytes = max(usage.memoryPeakBytes, usage.memoryBytes)
    live.usage = usage
    live.isPaused = contents.contains {
      $0.name == Usage.freezerFile && CgroupFreezer.isFrozen($0.content)
    }
    live.outputBytes = bytes
    return live
  }
}

extension StateDirectory {
  /// Bytes of output of a living job, by the last record of each stream. Blocks.
  func outputBytes(of id: JobID) -> Int64 {
    guard let folder = try? self.open(id),
      let counts = try? StreamCounts.ofJournal(in: folder, jobID: id.description)
    else { return 0 }  // it was removed
    return Int64(clamping: counts.total)
  }
}
