import Glibc
import Linux

/// passwd(5) and group(5) of the tree that a job sees.
struct AccountFiles {
  /// Of /etc: the job's user stands in them, for programs that look it up.
  static let names = ["passwd", "group"]
  /// More is no list of users.
  private static let limit = 16 << 20

  private let rootfs: String?

  init(_ spec: JobSpec) { self.rootfs = spec.rootfs }

  /// Of the host.
  init() { self.rootfs = nil }

  func database() throws(WorkerError) -> UserDatabase {
    do throws(SystemError) {
      return UserDatabase(
        passwd: try self.text("passwd") ?? "", group: try self.text("group") ?? "")
    } catch {
      throw WorkerError(.internal, "cannot read the users of the job's tree: \(error)")
    }
  }

  /// Nil when there is no such file, or none that can be trusted to be one.
  func text(_ name: String) throws(SystemError) -> String? {
    do throws(SystemError) {
      guard let rootfs else { return try File.readText("/etc/\(name)", limit: Self.limit) }
      let tree = FileTree(root: try HostPath.open(rootfs), followsLinks: false)
      return try tree.readText("/etc/\(name)", limit: Self.limit)
    } catch {
      if [ENOENT, ENOTDIR, ELOOP, EINVAL].contains(error.errno) { return nil }
      throw error
    }
  }

  /// The content of `name` with the job's user in it.
  func text(_ name: String, with user: ResolvedUser) throws(SystemError) -> String {
    var text = try self.text(name) ?? ""
    if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
    return text
      + (name == "passwd"
        ? "\(user.name):x:\(user.uid):\(user.gid):job:\(user.home):/bin/sh\n"
        : "\(user.name):x:\(user.gid):\n")
  }
}
