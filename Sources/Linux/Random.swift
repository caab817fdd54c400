import CLinux

/// Bytes of getrandom(2).
package enum Random {
  package static func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = clinux_random(buffer.baseAddress.map { $0 + filled }, count - filled)
        // Up to 256 bytes getrandom(2) only fails with EINTR once the pool is ready.
        if got > 0 { filled += got }
      }
    }
  }
}
