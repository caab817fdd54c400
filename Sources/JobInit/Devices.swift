import CLinux
import Glibc
import JobStore
import Linux

/// What the helper of an outgoing network finds in /dev.
enum HelperDevices {
  /// Where the job's network namespace is mounted.
  static let network = "netns"

  /// Whatever modes the host gives to its own: the helper is nobody there.
  static func mount() throws(SystemError) -> DetachedMount {
    let mount = try DetachedMount("tmpfs", ["mode=755", "size=64k"], [.noSetUID, .noExec])
    let raw = mount.descriptor.rawValue
    try check("mkdir(/dev/net)") { mkdirat(raw, "net", 0o755) }
    for (name, major, minor) in [("null", 1, 3), ("urandom", 1, 9), ("net/tun", 10, 200)]
      as [(String, UInt32, UInt32)]
    {
      try check("mknod(/dev/\(name))") { clinux_make_device(raw, name, 0o666, major, minor) }
    }
    try check("mknod(/dev/\(self.network))") {
      mknodat(raw, self.network, S_IFREG | 0o444, 0)
    }
    return mount
  }
}

/// A /dev of the job's own: the few devices that every program may expect, and nothing of the host's.
struct Devices: ~Copyable {
  /// What hides a file.
  let null: OwnedDescriptor
  /// What hides a folder: the mount point of /dev/pts, which nobody can put anything into.
  let empty: OwnedDescriptor

  /// Name, and the numbers of the kernel's admin-guide/devices.rst.
  private static let nodes: [(name: String, major: UInt32, minor: UInt32)] = [
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9),
    ("tty", 5, 0),
  ]

  private static let links = [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
  ]

  static func mount(in tree: borrowing FileTree) throws(SystemError) -> Devices {
    let mount = try DetachedMount("tmpfs", ["mode=755", "size=64k"], [.noSetUID, .noExec])
    try self.fill(mount.descriptor)
    let null = try File.open("null", in: mount.descriptor, OpenFlags.path)
    let empty = try File.open("pts", in: mount.descriptor, OpenFlags.path)
    try mount.attach(on: try tree.placeOrNew("/dev", isFile: false))
    try DetachedMount(
      // The host has some thousands for all, see pty(7).
      "devpts", ["mode=620", "ptmxmode=666", "gid=5", "max=256"], [.noSetUID, .noExec]
    ).attach(on: empty)
    // A device can be written on a read-only mount: only the tree itself is closed.
    try mount.set([.readOnly])
    try self.takeInput(from: mount.descriptor)
    return Devices(null: null, empty: empty)
  }

  /// What PID 1 was born with is the host's own node on a mount that can be written: root in the job would
  /// change its mode for everybody, and a lock on it would be held against all jobs.
  private static func takeInput(from folder: borrowing OwnedDescriptor) throws(SystemError) {
    try File.open("null", in: folder, O_RDWR).copy(over: STDIN_FILENO)
  }

  private static func fill(_ folder: borrowing OwnedDescriptor) throws(SystemError) {
    let raw = folder.rawValue
    for node in self.nodes {
      try check("mknod(/dev/\(node.name))") {
        clinux_make_device(raw, node.name, 0o666, node.major, node.minor)
      }
    }
    for (name, target) in self.links {
      try check("symlink(/dev/\(name))") { symlinkat(target, raw, name) }
    }
    for name in ["pts", "shm"] { try check("mkdir(/dev/\(name))") { mkdirat(raw, name, 0o755) } }
  }
}
