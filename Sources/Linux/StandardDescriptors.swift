import Glibc

/// The descriptors 0, 1 and 2, see stdin(3).
package enum StandardDescriptors {
  /// Takes those that this process was started without, before a file of its own gets their number: what is
  /// meant for the user would go there. Reading finds the end; writing fails with EBADF, as it would.
  package static func occupy() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free number is this one: all below are taken.
      _ = open("/dev/null", O_RDONLY)
    }
  }
}
