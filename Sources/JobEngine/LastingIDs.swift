import Glibc
import JobStore
import Linux

/// Ids that are one owner's for good: those of jobs that may leave files behind with their id, in a
/// place of the host that they may write. No other owner's job ever gets such an id, so none finds that
/// it owns what somebody else's job has left; and a later job of the same owner finds its files its own.
struct LastingIDs: Sendable {
  struct Key: Hashable, Sendable {
    var owner: String
    /// Ids of user namespaces come in blocks, from a range of their own.
    var hasUserNamespace: Bool
  }

  private var ids: [Key: UInt32] = [:]
  private var taken: Set<UInt32> = []

  subscript(key: Key) -> UInt32? {
    get { self.ids[key] }
    set {
      if let old = self.ids[key] { self.taken.remove(old) }
      self.ids[key] = newValue
      if let newValue { self.taken.insert(newValue) }
    }
  }

  func contains(_ id: UInt32) -> Bool { self.taken.contains(id) }
}

extension JobSpec {
  /// Whether files with its own id may outlive the job. With a user namespace the owners of files of a
  /// rootfs are mapped, and are none of its ids.
  var mayLeaveFiles: Bool {
    guard self.user == .own else { return false }
    return self.binds.contains(where: \.isWritable)
      || (self.rootfs != nil && !self.isReadOnly && !self.hasUserNamespace)
  }
}

/// The folder `ids/` of the state directory: a file an id, named like it, that says whose it is.
///
/// One file each, made whole and never changed, so that nobody has to wait for anybody.
struct LastingIDFolder: Sendable {
  private static let name = "ids"
  private static let kind = "id"
  private let path: String

  init(in state: StateDirectory) { self.path = "\(state.path)/\(Self.name)" }

  /// Blocks until it is on disk.
  func keep(_ id: UInt32, for key: LastingIDs.Key) throws(SystemError) {
    let name = "\(id)"
    try File.makeFolders(self.path)
    let folder = try File.openFolder(self.path)
    guard !File.exists(name, in: folder) else { return try File.sync(folder) }
    var fields = Fields()
    fields.append("owner", key.owner)
    if key.hasUserNamespace { fields.append("userns", "yes") }
    // Two first jobs of an owner may come here at once: each with a file of its own, and both are right.
    let temporary = ".\(name).\(Random.bytes(8).map(String.init).joined())"
    let file = try File.open(temporary, in: folder, O_WRONLY | O_CREAT | O_EXCL)
    try File.writeAll(fields.encoded(kind: Self.kind), to: file)
    try File.sync(file)
    try File.rename(temporary, to: name, in: folder)
    try File.sync(folder)
  }

  func read() throws(WorkerError) -> LastingIDs {
    var all = LastingIDs()
    do throws(SystemError) {
      guard File.exists(path: self.path) else { return all }
      let folder = try File.openFolder(self.path)
      for name in try Folder.names(in: folder) {
        guard let id = UInt32(name) else { continue }  // a file that a crash left half made
        let bytes = try File.read(name, in: folder)
        guard let fields = try? Fields(bytes, kind: Self.kind), let owner = fields["owner"] else {
          throw SystemError(call: "\(self.path)/\(name)", errno: EBADMSG)
        }
        all[LastingIDs.Key(owner: owner, hasUserNamespace: fields["userns"] != nil)] = id
      }
    } catch {
      throw WorkerError(
        .failedPrecondition, "cannot read whose user ids are whose: \(error): restore the file")
    }
    return all
  }
}
