import CLinux

/// mount(2) and its friends.
package enum Mount {
  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt
    package init(rawValue: UInt) { self.rawValue = rawValue }
    package static let readOnly = Flags(rawValue: CLINUX_MS_RDONLY)
    package static let noSetUID = Flags(rawValue: CLINUX_MS_NOSUID)
    package static let noDevices = Flags(rawValue: CLINUX_MS_NODEV)
    package static let noExec = Flags(rawValue: CLINUX_MS_NOEXEC)
    package static let remount = Flags(rawValue: CLINUX_MS_REMOUNT)
    package static let bind = Flags(rawValue: CLINUX_MS_BIND)
    package static let recursive = Flags(rawValue: CLINUX_MS_REC)
    package static let `private` = Flags(rawValue: CLINUX_MS_PRIVATE)
  }

  package static func mount(
    _ source: String? = nil, at target: String, type: String? = nil, _ flags: Flags = [],
    data: String? = nil
  ) throws(SystemError) {
    try check("mount(\(target))") { clinux_mount(source, target, type, flags.rawValue, data) }
  }
}
