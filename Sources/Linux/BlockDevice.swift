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
