import Glibc
import JobStore
import Linux

/// The files a job may write: its private /tmp and /var/tmp, kept in its folder.
enum JobFolders {
  static let temporary = "tmp"
  static let varTemporary = "var-tmp"
  /// The job's working folder, as the job sees it.
  static let work = "/tmp/work"

  /// Makes the private folders in the job's folder.
  static func make(
    in folder: borrowing OwnedDescriptor, for spec: JobSpec, as user: ResolvedUser
  ) throws(SystemError) {
    try File.makeFolder(JobDirectory.files, in: folder, mode: 0o711)
    let files = try File.open(JobDirectory.files, in: folder, O_RDONLY | O_DIRECTORY)
    try File.makeFolder(self.temporary, in: files, mode: 0o1777)
    try File.makeFolder(self.varTemporary, in: files, mode: 0o1777)
    let temporary = try File.open(self.temporary, in: files, O_RDONLY | O_DIRECTORY)
    try File.makeFolder("work", in: temporary, mode: 0o700)
    try File.setOwner("work", in: temporary, uid: user.uid, gid: user.gid)
    if spec.network == .nat { try NameServerFile.make(in: files) }
    guard user.isOwn, !user.isNamespaceRoot else { return }
    let accounts = AccountFiles(spec)
    for name in AccountFiles.names {
      let text = try accounts.text(name, with: user)
      let file = try File.open(name, in: files, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try File.setMode(0o644, of: file)
      try File.writeAll(Array(text.utf8), to: file)
    }
  }
}
