import CLinux

/// The memory of this process.
package enum Memory {
  /// For processes that pass on streams of bytes; not for keepers, which should stay small.
  package static func keepForStreams() { clinux_tune_malloc() }
}
