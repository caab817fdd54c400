import Linux

/// The two interfaces of the kernel, see cgroups(7).
enum CgroupVersion: Hashable, Sendable {
  case v1, v2
}

/// One line for one file of a cgroup.
struct CgroupSetting: Hashable, Sendable {
  /// How the file shows what was written into it.
  enum Shown: Hashable, Sendable {
    /// As it was written.
    case same
    /// In whole pages, the rest cut off.
    case pages
    /// Among other words of its line.
    case among
  }

  var file: String
  var value: String
  /// The limits it carries out; shown as applied.
  var limits: [LimitName]
  var shown = Shown.same
  /// Set where the file holds a line for each disk: the line of this one is what was applied.
  var disk: BlockDevice?
  /// Nobody asked for it in words: where the kernel was built without the file, it is left out, if
  /// this host has no swap.
  var implied = false
  /// The value is what the group above has: no more can be had, and none is no group to live in.
  var inherited = false

  init(
    _ file: String, _ value: some CustomStringConvertible, for limits: LimitName...,
    shown: Shown = .same, disk: BlockDevice? = nil
  ) {
    self.file = file
    self.value = value.description
    self.limits = limits
    self.shown = shown
    self.disk = disk
  }
}

/// One of the kernel's controllers: from limits to files, and nothing else.
protocol Controller: Sendable {
  /// The controller's name in this version's lists; nil where it has none.
  static func name(_ version: CgroupVersion) -> String?
  /// What it carries out.
  static var limits: [LimitName] { get }
  /// Why one of them cannot be had from this version; nil: it can.
  static func refusal(
    of limit: LimitName, in limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> String?
  /// What to write, in order, so that `limits` hold.
  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting]
  /// False: a job has a group of it on v1 only where a limit needs one.
  static var isAlways: Bool { get }
  /// Files that are still worth reading when the last process is gone.
  static func evidence(_ version: CgroupVersion) -> [String]
  /// Files that only tell of now.
  static func current(_ version: CgroupVersion) -> [String]
}

extension Controller {
  static var limits: [LimitName] { [] }
  static var isAlways: Bool { true }
  static func refusal(
    of limit: LimitName, in limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> String? { nil }
  static func settings(
    for limits: Limits, disks: [JobDisk], _ version: CgroupVersion
  ) -> [CgroupSetting] { [] }
  static func evidence(_ version: CgroupVersion) -> [String] { [] }
  static func current(_ version: CgroupVersion) -> [String] { [] }
}

enum Controllers {
  /// A new controller is a new line here.
  static var all: [any Controller.Type] {
    [CPU.self, CPUSet.self, Memory.self, IO.self, PIDs.self]
  }
  /// What a cgroup2 folder does without any controller, where there is none.
  static var withoutUnified: [any Controller.Type] { [CPUAccounting.self, Freezer.self] }
}
