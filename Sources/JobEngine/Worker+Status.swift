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
  /// More than this is not read through to be counted.
  private static let countedSize: Int64 = 4 << 20

  /// Bytes of output of a living job: exact while there is little, later the size of its journal, of
  /// which record headers take a small part. The exact number comes with the exit record.
  func outputBytes(of id: JobID) -> Int64 {
    guard let folder = try? self.open(id), let names = try? Folder.names(in: folder) else {
      return 0  // it was removed
    }
    var size: Int64 = 0
    for name in names where name.hasPrefix("output.") {
      guard let segment = try? File.open(name, in: folder, O_RDONLY) else { continue }
      size += (try? File.size(segment)) ?? 0
    }
    guard size <= Self.countedSize else { return size }
    return (try? self.countOutput(of: id, in: folder)) ?? 0
  }

  private func countOutput(
    of id: JobID, in folder: consuming OwnedDescriptor
  ) throws(StoreError) -> Int64 {
    var reader = try JournalReader(folder: folder, jobID: id.description)
    var count: Int64 = 0
    while true {
      switch try reader.next(waiting: true) {
      case .record(let record): count += Int64(record.bytes.count)
      case .gap: continue
      case .end, .wouldBlock: return count
      }
    }
  }
}
