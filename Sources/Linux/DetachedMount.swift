import CLinux
import Glibc

/// A mount that is attached nowhere yet, held by its descriptor; it is gone when that is closed.
///
/// The interface of fsopen(2), open_tree(2) and move_mount(2): Linux 5.2, and 5.12 for `set`.
package struct DetachedMount: ~Copyable {
  package struct Attributes: OptionSet, Sendable {
    package let rawValue: UInt
    package init(rawValue: UInt) { self.rawValue = rawValue }
    package static let readOnly = Attributes(rawValue: CLINUX_ATTR_RDONLY)
    package static let noSetUID = Attributes(rawValue: CLINUX_ATTR_NOSUID)
    package static let noDevices = Attributes(rawValue: CLINUX_ATTR_NODEV)
    package static let noExec = Attributes(rawValue: CLINUX_ATTR_NOEXEC)
  }

  /// As a folder: what is in it can be opened relative to it, and made.
  package let descriptor: OwnedDescriptor

  /// A new file system, with options as `size=4k`.
  package init(
    _ type: String, _ options: [String] = [], _ attributes: Attributes
  ) throws(SystemError) {
    let strings = CStrings(options)
    let count = CInt(options.count)
    self.descriptor = OwnedDescriptor(
      owning: try check("fsmount(\(type))") {
        let list = UnsafeRawPointer(strings.pointers)
          .assumingMemoryBound(to: UnsafePointer<CChar>?.self)
        return clinux_make_mount(type, list, count, UInt32(attributes.rawValue))
      })
  }

  /// A second mount of the file or folder that `place` is open on, without what is mounted below.
  package init(copying place: borrowing OwnedDescriptor, _ name: String = "") throws(SystemError) {
    let raw = place.rawValue
    self.descriptor = OwnedDescriptor(
      owning: try check("open_tree(\(name))") { clinux_open_tree(raw, name, 0) })
  }

  /// Sets attributes, clears others, and makes the mount private; with `userNamespace` the owners of
  /// files are mapped through it as well.
  package func set(
    _ attributes: Attributes, clearing: Attributes = [], userNamespace: CInt = -1
  ) throws(SystemError) {
    let raw = self.descriptor.rawValue
    let idMap = userNamespace < 0 ? 0 : UInt64(CLINUX_ATTR_IDMAP)
    let call =
      idMap == 0 ? "mount_setattr" : "mount_setattr(owners mapped, which not every file system can)"
    try check(call) {
      clinux_set_mount_attributes(
        raw, 0, UInt64(attributes.rawValue) | idMap, UInt64(clearing.rawValue), userNamespace)
    }
  }

  /// Gives the descriptor away.
  package consuming func takeDescriptor() -> OwnedDescriptor { self.descriptor }

  /// Shows it in the place that `target` is open on.
  package func attach(on target: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = self.descriptor.rawValue
    let place = target.rawValue
    try check("move_mount") { clinux_attach_mount(raw, place) }
  }
}

/// The mounts of the namespace that this process is in.
package enum MountNamespace {
  /// Everything below `root`, with one call: private (nothing passes in either direction), and with
  /// these attributes.
  package static func seal(
    _ root: borrowing OwnedDescriptor, _ attributes: DetachedMount.Attributes
  ) throws(SystemError) {
    let raw = root.rawValue
    try check("mount_setattr(/)") {
      clinux_set_mount_attributes(raw, 1, UInt64(attributes.rawValue), 0, -1)
    }
  }

  /// Makes an attached mount the root, and forgets all that was mounted before.
  package static func pivot(into root: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = root.rawValue
    try check("pivot_root") { clinux_pivot_into(raw) }
  }
}

/// A user namespace that nobody is in yet, see user_namespaces(7).
package enum UserNamespace {
  /// In it, the ids 0 to `count` - 1 are those from `first` on outside. `proc` is the proc(5) of the
  /// caller's PID namespace; the caller has one thread.
  package static func make(
    first: UInt32, count: UInt32, proc: borrowing OwnedDescriptor
  ) throws(SystemError) -> OwnedDescriptor {
    let raw = proc.rawValue
    do throws(SystemError) {
      return OwnedDescriptor(
        owning: try check("clone(CLONE_NEWUSER)") { clinux_user_namespace(raw, first, count) })
    } catch {
      // user_namespaces(7): the kernel's word for it is that no space is left.
      guard error.errno == ENOSPC else { throw error }
      throw SystemError(
        call: "clone(CLONE_NEWUSER): the host allows no more, see user.max_user_namespaces",
        errno: error.errno)
    }
  }
}
