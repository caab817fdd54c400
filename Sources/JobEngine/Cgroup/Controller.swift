import Linux

/// The two interfaces of the kernel, see cgroups(7).
enum CgroupVersion: Hashable, Sendable {
  case v1, v2
}

/// One line for one file of a cgroup.
struct CgroupSetting: Hashable, Sendable {
  var file: String
  var value: String
  /// The limits it carries out, by their names in the API; shown as applied.
  var limits: [String]
  /// Set where the file holds a line for each disk: the line of this one is what was applied.
  var disk: BlockDevice?
  /// Nobody asked for it in words: where the kernel was built without the file, it is left out, if
  /// this host has no swap.
  var implied = false

  init(
    _ file: String, _ value: some CustomStringConvertible, for limits: String...,
    disk: BlockDevice? = nil
  ) {
    self.file = file
    self.value = value.description
    self.limits = limits
    self.disk = disk
  }
}

/// One of the kernel's controllers: from limits to files, and nothing else.
protocol Controller: Sendable {
  /// The controller's name in this version's lists; nil where it has none.
  static func name(_ version: CgroupVersion) -> String?
  /// What to write, in order, so that `limits` hold.
  static func settings(
    for limits: Limits, disks: [BlockDevice], _ version: CgroupVersion
  ) -> [CgroupSetting]
  /// Files that are still worth reading when the last process is gone.
  static func evidence(_ version: CgroupVersion) -> [String]
  /// Files that only tell of now.
  static func current(_ version: CgroupVersion) -> [String]
}

extension Controller {
  static func settings(
    for limits: Limits, disks: [BlockDevice], _ version: CgroupVersion
  ) -> [CgroupSetting] { [] }
  static func evidence(_ version: CgroupVersion) -> [String] { [] }
  static func current(_ version: CgroupVersion) -> [String] { [] }
}

enum Controllers {
  /// A new controller is a new line here.
  static var all: [any Controller.Type] { [CPU.self, Memory.self, IO.self, PIDs.self] }
  /// What a cgroup2 folder does without any controller, where there is none.
  static var withoutUnified: [any Controller.Type] { [CPUAccounting.self, Freezer.self] }
}
