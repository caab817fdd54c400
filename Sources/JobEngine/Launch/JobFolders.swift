import Glibc
import JobStore
import Linux

/// The files a job may write: its private /tmp and /var/tmp, kept in its folder.
enum JobFolders {
  static let temporary = "tmp"
  static let varTemporary = "var-tmp"
  /// The job's working folder, as the job sees it.
  static let work = "/tmp/work"

  /// Of /etc: the job's user stands in them, for programs that look it up.
  static let accounts = ["passwd", "group"]

  /// Makes the private folders in the job's folder.
  static func make(
    in folder: borrowing OwnedDescriptor, for user: ResolvedUser
  ) throws(SystemError) {
    try File.makeFolder(JobDirectory.files, in: folder, mode: 0o711)
    let files = try File.open(JobDirectory.files, in: folder, O_RDONLY | O_DIRECTORY)
    try File.makeFolder(self.temporary, in: files, mode: 0o1777)
    try File.makeFolder(self.varTemporary, in: files, mode: 0o1777)
    let temporary = try File.open(self.temporary, in: files, O_RDONLY | O_DIRECTORY)
    try File.makeFolder("work", in: temporary, mode: 0o700)
    try File.setOwner("work", in: temporary, uid: user.uid, gid: user.gid)
    if user.isOwn { try self.makeAccounts(in: files, for: user) }
  }

  /// The host's users and groups, and the job's.
  private static func makeAccounts(
    in files: borrowing OwnedDescriptor, for user: ResolvedUser
  ) throws(SystemError) {
    let entries = [
      "passwd": "\(user.name):x:\(user.uid):\(user.gid):job:\(user.home):/bin/sh\n",
      "group": "\(user.name):x:\(user.gid):\n",
    ]
    let etc = try File.openFolder("/etc")
    for name in self.accounts where File.exists(name, in: etc) {
      var text = try File.read(name, in: etc, limit: 64 << 20)
      if let last = text.last, last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
      let file = try File.open(name, in: files, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try File.setMode(0o644, of: file)
      try File.writeAll(text + Array((entries[name] ?? "").utf8), to: file)
    }
  }
}
