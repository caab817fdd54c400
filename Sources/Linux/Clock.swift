import Glibc

/// Readings of the kernel's clocks in nanoseconds, see clock_gettime(2).
package enum Clock {
  /// Since 1970-01-01 UTC.
  package static func wall() -> Int64 { Self.read(CLOCK_REALTIME) }
  /// Since boot, standing still while the machine sleeps; never set back.
  package static func monotonic() -> Int64 { Self.read(CLOCK_MONOTONIC) }
  /// Since boot, the machine's sleep included.
  package static func boot() -> Int64 { Self.read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)  // cannot fail for these clocks and a valid pointer
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
