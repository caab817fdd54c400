import Glibc
import JobStore
import Linux

/// The files a job may write: its private /tmp and /var/tmp, kept in its folder.
enum JobFolders {
  static let temporary = "tmp"
  static let varTemporary = "var-tmp"
  /// The job's working folder, as the job sees it.
  static let work = "/tmp/work"

  private static let workName = "work"

  /// Makes the private folders in the job's folder.
  static func make(
    in folder: borrowing OwnedDescriptor, for spec: JobSpec, as user: ResolvedUser
  ) throws(SystemError) {
    try self.makeAhead(in: folder, for: user)
    if spec.network == .nat {
      try NameServerFile.make(
        in: try File.open(JobDirectory.files, in: folder, O_RDONLY | O_DIRECTORY))
    }
    try self.give(in: folder, to: user, spec)
  }

  /// All that does not depend on who the user is, only on what kind he is of.
  static func makeAhead(
    in folder: borrowing OwnedDescriptor, for user: ResolvedUser
  ) throws(SystemError) {
    try File.makeFolder(JobDirectory.files, in: folder, mode: 0o711)
    let files = try File.open(JobDirectory.files, in: folder, O_RDONLY | O_DIRECTORY)
    try File.makeFolder(self.temporary, in: files, mode: 0o1777)
    try File.makeFolder(self.varTemporary, in: files, mode: 0o1777)
    let temporary = try File.open(self.temporary, in: files, O_RDONLY | O_DIRECTORY)
    try File.makeFolder(self.workName, in: temporary, mode: 0o700)
    guard user.hasAccountFiles else { return }
    for name in AccountFiles.names {
      let file = try File.open(name, in: files, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try File.setMode(0o644, of: file)
    }
  }

  /// Makes them the user's.
  static func give(
    in folder: borrowing OwnedDescriptor, to user: ResolvedUser, _ spec: JobSpec
  ) throws(SystemError) {
    let files = try File.open(JobDirectory.files, in: folder, O_RDONLY | O_DIRECTORY)
    let temporary = try File.open(self.temporary, in: files, O_RDONLY | O_DIRECTORY)
    try File.setOwner(self.workName, in: temporary, uid: user.uid, gid: user.gid)
    guard user.hasAccountFiles else { return }
    let accounts = AccountFiles(spec)
    for name in AccountFiles.names {
      let text = try accounts.text(name, with: user)
      // The same file as before: it may be mounted already.
      try File.writeAll(Array(text.utf8), to: try File.open(name, in: files, O_WRONLY))
    }
  }
}
