import Glibc

/// What stops every process of a cgroup where it is: `cgroup.freeze` of cgroup2, or the v1 controller
/// `freezer`.
package enum CgroupFreezer: Hashable, Sendable {
  case v2(folder: String)
  case v1(folder: String)

  /// The freezer of a job's folders; nil where none of them has one.
  package init?(unified: String?, legacy: [String]) {
    if let unified, File.exists(path: "\(unified)/cgroup.freeze") {
      self = .v2(folder: unified)
    } else if let folder = legacy.first(where: { File.exists(path: "\($0)/freezer.state") }) {
      self = .v1(folder: folder)
    } else {
      return nil
    }
  }

  /// The file that tells whether all is frozen.
  package var stateFile: String {
    switch self {
    case .v2(let folder): "\(folder)/cgroup.events"
    case .v1(let folder): "\(folder)/freezer.state"
    }
  }

  /// Answers before they are all frozen.
  package func freeze() throws(SystemError) {
    switch self {
    case .v2(let folder): try File.writeText("1", to: "\(folder)/cgroup.freeze")
    case .v1(let folder): try File.writeText("FROZEN", to: "\(folder)/freezer.state")
    }
  }

  package func thaw() throws(SystemError) {
    switch self {
    case .v2(let folder): try File.writeText("0", to: "\(folder)/cgroup.freeze")
    case .v1(let folder): try File.writeText("THAWED", to: "\(folder)/freezer.state")
    }
  }

  /// Whether a text of `stateFile` tells that every process is frozen.
  package static func isFrozen(_ text: String) -> Bool {
    text.split(separator: "\n").contains { $0 == "frozen 1" || $0 == "FROZEN" }
  }

  /// Waits until all are frozen, or none is any more; false when that did not come within
  /// `milliseconds`, or the group is gone. Blocks.
  package func wait(untilFrozen wanted: Bool, milliseconds: Int64) -> Bool {
    guard let file = try? File.open(self.stateFile, O_RDONLY) else { return false }
    let end = Clock.boot() + milliseconds * 1_000_000
    var pause: Int64 = 1
    while true {
      lseek(file.rawValue, 0, SEEK_SET)
      // It cannot be read any more: the group is gone.
      guard let bytes = try? File.readAll(file) else { return false }
      if Self.isFrozen(String(decoding: bytes, as: UTF8.self)) == wanted { return true }
      let left = (end - Clock.boot()) / 1_000_000
      guard left > 0 else { return false }
      self.waitForChange(of: file, milliseconds: left, pause: &pause)
    }
  }

  /// cgroups(7): a change of `cgroup.events` is reported by poll(2) as POLLPRI. The v1 file reports
  /// nothing, and finds out only when it is read: there, and only there, time passes instead.
  private func waitForChange(
    of file: borrowing OwnedDescriptor, milliseconds: Int64, pause: inout Int64
  ) {
    switch self {
    case .v2:
      var entries = [pollfd(fd: file.rawValue, events: Int16(POLLPRI), revents: 0)]
      try? Poll.wait(&entries, milliseconds: milliseconds)
    case .v1:
      var nothing: [pollfd] = []
      try? Poll.wait(&nothing, milliseconds: min(pause, milliseconds))
      pause = min(pause * 2, 100)
    }
  }
}
