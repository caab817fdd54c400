import CLinux

/// A memfd_create(2) file that nobody can change any more.
package enum SealedMemory {
  package static func make(name: String, _ bytes: [UInt8]) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try check("memfd_create") {
        bytes.withUnsafeBytes { clinux_sealed_memfd(name, $0.baseAddress, $0.count) }
      })
  }
}

/// Flags of open(2) that Swift's Glibc module lacks, as they stand behind _GNU_SOURCE.
package enum OpenFlags {
  /// O_PATH: a place in the tree, without access to what is there.
  package static let path: CInt = 0o10000000
}
