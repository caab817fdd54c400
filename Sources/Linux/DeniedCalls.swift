import CLinux

/// A system call that the seccomp filter denies whatever its arguments.
package struct DeniedCall: Hashable, Sendable {
  package let name: String
  package let number: Int32
  /// What a program is told.
  package let errno: Int32
  package let reason: String

  /// The whole list, in order.
  package static var all: [DeniedCall] {
    var count: CInt = 0
    let list = UnsafeBufferPointer(start: clinux_denied_calls(&count), count: Int(count))
    return list.map {
      DeniedCall(
        name: String(cString: $0.name), number: $0.number, errno: $0.error,
        reason: String(cString: $0.reason))
    }
  }
}
