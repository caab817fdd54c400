import Glibc

/// The host's users and groups, read from passwd(5) and group(5).
///
/// Not by getpwnam(3): a static program would load the host's NSS modules with dlopen.
package struct UserDatabase: Hashable, Sendable {
  package struct User: Hashable, Sendable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var home: String
  }

  private struct Group: Hashable, Sendable {
    var gid: UInt32
    var members: [Substring]
  }

  private let users: [User]
  private let groups: [Group]

  /// Takes the content of both files; lines that make no sense are passed over, as libc does. So are ids
  /// of 2^32 - 1, which setresuid(2) takes for "leave it as it is".
  package init(passwd: String, group: String) {
    self.users = passwd.split(separator: "\n").compactMap(Self.user)
    self.groups = group.split(separator: "\n").compactMap(Self.group)
  }

  /// Reads `passwd` and `group` in `folder`; a file that is not there counts as empty.
  package init(folder: String = "/etc") throws(SystemError) {
    self.init(
      passwd: try Self.text("\(folder)/passwd"), group: try Self.text("\(folder)/group"))
  }

  package func user(named name: String) -> User? {
    self.users.first { $0.name == name }
  }

  package func user(uid: UInt32) -> User? {
    self.users.first { $0.uid == uid }
  }

  /// The groups `user` is in, its own first, see initgroups(3).
  package func groups(of user: User) -> [UInt32] {
    var gids = [user.gid]
    for group in self.groups where group.members.contains(Substring(user.name)) {
      if !gids.contains(group.gid) { gids.append(group.gid) }
    }
    return gids
  }

  private static func user(_ line: Substring) -> User? {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count >= 7, !fields[0].isEmpty, let uid = UInt32(fields[2]),
      let gid = UInt32(fields[3]), uid != .max, gid != .max
    else { return nil }
    return User(name: String(fields[0]), uid: uid, gid: gid, home: String(fields[5]))
  }

  private static func group(_ line: Substring) -> Group? {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count >= 4, let gid = UInt32(fields[2]), gid != .max else { return nil }
    return Group(gid: gid, members: fields[3].split(separator: ","))
  }

  private static func text(_ path: String) throws(SystemError) -> String {
    do throws(SystemError) {
      return try File.readText(path, limit: 64 << 20)
    } catch {
      if error.errno == ENOENT { return "" }
      throw error
    }
  }
}
