import Glibc
import JobStore
import Linux

/// The state directory: a folder a job below `jobs/`, and the lock that keeps a second worker out.
final class StateDirectory: Sendable {
  /// Absolute, without links.
  let path: String
  private let jobs: OwnedDescriptor
  private let lock: OwnedDescriptor
  private let programFile: OwnedDescriptor

  /// Opens the directory, makes it when missing, and locks it.
  init(_ path: String, program: String) throws(WorkerError) {
    do throws(SystemError) {
      try File.makeFolders(path)
      self.path = try File.realPath(path)
      let folder = try File.openFolder(self.path)
      try File.setMode(0o700, of: folder)
      if !File.exists("jobs", in: folder) { try File.makeFolder("jobs", in: folder) }
      self.jobs = try File.open("jobs", in: folder, O_RDONLY | O_DIRECTORY)
      // ext4 would keep them all in one block group. Without a journal it looks, for each new file, at every
      // one that was deleted in that group in the last minute, and a start then takes milliseconds longer.
      File.spreadFolders(in: self.jobs)
      self.lock = try File.open("lock", in: folder, O_RDWR | O_CREAT)
      self.programFile = try Self.openProgram(program)
    } catch {
      throw WorkerError(
        .failedPrecondition, "cannot use the state directory '\(path)': \(error)")
    }
    try self.takeLock()
  }

  /// On a read-only mount of its own that no path leads to: PID 1's /proc/1/exe points there, and a job
  /// that comes to open it still cannot write the host's binary (CVE-2019-5736).
  private static func openProgram(_ path: String) throws(SystemError) -> OwnedDescriptor {
    let file = try File.open(path, OpenFlags.path)
    do throws(SystemError) {
      let mount = try DetachedMount(copying: file)
      try mount.set([.readOnly, .noSetUID, .noDevices])
      return mount.takeDescriptor()
    } catch {
      // Whoever may not mount can start no jobs either.
      guard error.errno == EPERM else { throw error }
      return file
    }
  }

  var jobsPath: String { "\(self.path)/jobs" }

  /// The open program that holds the roles keeper and PID 1.
  var program: CInt { self.programFile.rawValue }

  func path(_ id: JobID) -> String { "\(self.jobsPath)/\(id)" }

  /// Lets the next worker in while this object may still be held by a reader of output.
  func unlock() {
    try? File.unlock(self.lock)  // cannot fail for a good descriptor
  }

  private func takeLock() throws(WorkerError) {
    let isTaken: Bool
    var holder = ""
    do throws(SystemError) {
      isTaken = try !File.tryLock(self.lock)
      if isTaken {
        holder = String(decoding: try File.readAll(self.lock), as: UTF8.self)
      } else {
        try File.truncate(self.lock, to: 0)
        try File.writeAll(Array("\(CurrentProcess.pid)".utf8), to: self.lock)
      }
    } catch {
      throw WorkerError(.failedPrecondition, "cannot lock '\(self.path)': \(error)")
    }
    guard isTaken else { return }
    throw WorkerError(
      .failedPrecondition,
      "state directory '\(self.path)' is in use by another worker (pid \(holder)): stop it, or "
        + "choose another directory")
  }
}

// One job's folder.
extension StateDirectory {
  /// Makes the folder of a new job.
  func make(_ id: JobID) throws(SystemError) -> OwnedDescriptor {
    try File.makeFolder(id.description, in: self.jobs)
    return try self.open(id)
  }

  func open(_ id: JobID) throws(SystemError) -> OwnedDescriptor {
    try File.open(id.description, in: self.jobs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }

  func has(_ name: String, of id: JobID) throws(StoreError) -> Bool {
    try StoreError.wrap { () throws(SystemError) in File.exists(name, in: try self.open(id)) }
  }

  /// Blocks until nobody holds the job's lock.
  func waitForLock(of id: JobID) throws(SystemError) {
    let lock = try File.open(JobDirectory.lock, in: try self.open(id), O_RDWR)
    try File.waitForLock(lock)
  }

  /// Makes a new folder and the files in it survive a power loss.
  func syncJobs(_ folder: borrowing OwnedDescriptor) throws(SystemError) {
    try File.sync(folder)
    try File.sync(self.jobs)
  }

  /// Puts a job's folder out of sight at once and for good, and frees the disk that its output and records
  /// took. Trees that the job made stay for `removeTrash`, as their removal may take long.
  func putAside(_ id: JobID) throws(SystemError) {
    let trash = JobDirectory.trashed(id.description)
    try File.rename(id.description, to: trash, in: self.jobs)
    try File.sync(self.jobs)
    let folder = try File.open(trash, in: self.jobs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    for name in try Folder.names(in: folder) where !JobDirectory.isTree(name) {
      try File.remove(name, in: folder)
    }
  }

  /// Removes what is left of a job that never was.
  func discard(_ id: JobID) {
    // What cannot be removed now is found and removed when the directory is next opened.
    try? Folder.removeTree(id.description, in: self.jobs)
  }

  /// The jobs in the directory, and what removals that were cut short have left.
  func scan() throws(SystemError) -> (jobs: [JobID], trash: [String]) {
    let names = try Folder.names(in: self.jobs)
    let trash = names.filter {
      $0.hasPrefix(JobDirectory.trashPrefix) || $0.hasPrefix(Folder.removingPrefix)
    }
    return (names.compactMap { JobID($0) }, trash)
  }

  /// Removes one of what `scan` found, or what a keeper has put aside; stops early once `goesOn` says
  /// so.
  func removeTrash(_ name: String, while goesOn: () -> Bool = { true }) {
    try? Folder.removeTree(name, in: self.jobs, while: goesOn)  // tried again by the next worker
  }
}
