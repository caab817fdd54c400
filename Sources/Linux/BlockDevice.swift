import CLinux
import Glibc

/// A disk by its device number, as the kernel's IO controllers want it.
package struct BlockDevice: Hashable, Sendable, CustomStringConvertible {
  package let major: UInt32
  package let minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// `MAJOR:MINOR`, as in /sys/dev/block.
  package var description: String { "\(self.major):\(self.minor)" }

  /// Reads `MAJOR:MINOR`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1])
    else { return nil }
    self.init(major: major, minor: minor)
  }

  /// The device that holds the file system of `path`, see stat(2); major 0: none holds it.
  package init(ofFileSystemAt path: String) throws(SystemError) {
    var status = stat()
    try check("stat(\(path))") { fstatat(AT_FDCWD, path, &status, 0) }
    // makedev(3): 12 bits of major, 20 of minor, interleaved.
    let device = UInt64(status.st_dev)
    self.init(
      major: UInt32((device >> 8) & 0xfff | (device >> 32) & 0xffff_f000),
      minor: UInt32(device & 0xff | (device >> 12) & 0xffff_ff00))
  }
}

/// Why no disk could be named.
package enum BlockDeviceError: Error, Hashable {
  case system(SystemError)
  /// As `/dev/shm is on tmpfs`.
  case unresolved(String)

  package var reason: String {
    switch self {
    case .system(let error): error.description
    case .unresolved(let reason): reason
    }
  }
}

/// What kind of file system a path is on.
package enum FileSystem {
  /// True for tmpfs and ramfs, see statfs(2): what is there is never read from a disk.
  package static func isInMemory(_ path: String) -> Bool {
    [0x0102_1994, 0x8584_58f6].contains(clinux_file_system_type(path))
  }
}

extension BlockDevice {
  /// The whole disk below `path`: the IO controllers refuse partitions.
  ///
  /// `sys` and `mountinfo` are /sys and /proc/self/mountinfo unless a test brings its own.
  package static func disk(
    under path: String, sys: String = "/sys", mountinfo: String = "/proc/self/mountinfo"
  ) throws(BlockDeviceError) -> BlockDevice {
    let device: BlockDevice
    do throws(SystemError) { device = try BlockDevice(ofFileSystemAt: path) } catch {
      throw .system(error)
    }
    return try self.disk(of: device, path: path, sys: sys, mountinfo: mountinfo)
  }

  static func disk(
    of device: BlockDevice, path: String, sys: String, mountinfo: String
  ) throws(BlockDeviceError) -> BlockDevice {
    let entry = "\(sys)/dev/block/\(device)"
    guard device.major != 0, access(entry, F_OK) == 0 else {
      let type = self.fileSystem(of: device, mountinfo: mountinfo)
      throw .unresolved("\(path) is on \(type), which has no disk of its own")
    }
    // A limit on one of these is not seen to hold yet, and one that may not hold is refused.
    for kind in ["dm", "loop", "md", "bcache"] where access("\(entry)/\(kind)", F_OK) == 0 {
      throw .unresolved("\(path) is on the \(kind) device \(device), not on a plain disk")
    }
    guard access("\(entry)/partition", F_OK) == 0 else { return device }
    do throws(SystemError) {
      // The entry is a link to the partition's folder, which lies in its disk's.
      let text = try File.readText("\(entry)/../dev")
      if let disk = BlockDevice(text.prefix { $0 != "\n" }) { return disk }
      throw SystemError(call: "read(\(entry)/../dev)", errno: EINVAL)
    } catch {
      throw .system(error)
    }
  }

  private static func fileSystem(of device: BlockDevice, mountinfo: String) -> String {
    let text = (try? File.readText(mountinfo)) ?? ""  // only to say more in an error
    return MountInfo.parse(text).first { $0.device == device.description }?.type
      ?? "a file system"
  }
}
