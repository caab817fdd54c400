import Glibc
import Linux

/// Writes limits into a group's files and keeps what the kernel shows of them.
struct AppliedLimits: Hashable, Sendable {
  /// By the limit's name in the API.
  private(set) var byName: [String: AppliedLimit] = [:]
  private let bestEffort: Bool

  init(bestEffort: Bool) {
    self.bestEffort = bestEffort
  }

  mutating func apply(
    _ setting: CgroupSetting, in folder: String,
    swaps: @autoclosure () -> String = (try? File.readText("/proc/swaps")) ?? ""
  ) throws(WorkerError) {
    let path = "\(folder)/\(setting.file)"
    do throws(WorkerError) {
      if setting.implied, !File.exists(path: path) {
        // No such file: a kernel without swap, or one that does not count it.
        return try Self.checkNoSwap(setting, swaps: swaps())
      }
      let value = try Self.value(of: setting, above: folder)
      try Self.write(value, setting, to: path)
      let shown = try Self.readBack(setting, from: path)
      try setting.check(shown)
      self.add(setting, shown)
    } catch {
      guard self.bestEffort, !setting.limits.isEmpty else { throw error }
      for limit in setting.limits {
        self.byName[limit.rawValue] = AppliedLimit(unenforced: error.message)
      }
    }
  }

  /// A limit on several disks has a line for each.
  private mutating func add(_ setting: CgroupSetting, _ shown: String) {
    for limit in setting.limits.map(\.rawValue) {
      if let first = self.byName[limit], first.unenforced != nil { continue }
      let before = self.byName[limit].map { $0.value + ", " } ?? ""
      self.byName[limit] = AppliedLimit(file: setting.file, value: before + shown)
    }
  }

  /// A job whose memory is limited and whose swap is not would only be moved to disk.
  static func checkNoSwap(_ setting: CgroupSetting, swaps: String) throws(WorkerError) {
    // The first line is a headline.
    guard swaps.split(separator: "\n").count > 1 else { return }
    throw WorkerError(
      .failedPrecondition,
      "cannot limit memory: this host has swap and its kernel cannot limit it (no \(setting.file)): "
        + "boot with swapaccount=1, or turn swap off")
  }

  private static func value(
    of setting: CgroupSetting, above folder: String
  ) throws(WorkerError) -> String {
    guard setting.inherited else { return setting.value }
    let parent = folder.prefix(upTo: folder.lastIndex(of: "/") ?? folder.endIndex)
    do throws(SystemError) {
      return String(try File.readText("\(parent)/\(setting.file)").prefix { $0 != "\n" })
    } catch {
      throw WorkerError(.failedPrecondition, "cannot see what the cgroup above has: \(error)")
    }
  }

  private static func write(
    _ value: String, _ setting: CgroupSetting, to path: String
  ) throws(WorkerError) {
    do throws(SystemError) {
      try File.writeText(value, to: path)
    } catch {
      let limit = setting.limits.first?.text ?? setting.file
      let gone = error.errno == ENODEV ? setting.disk.map { "; disk \($0) is gone" } : nil
      throw WorkerError(
        .failedPrecondition, "cannot limit \(limit): the kernel refused \(error)\(gone ?? "")")
    }
  }

  private static func readBack(
    _ setting: CgroupSetting, from path: String
  ) throws(WorkerError) -> String {
    let text: String
    do throws(SystemError) { text = try File.readText(path) } catch {
      throw WorkerError(.internal, "cannot read a limit back: \(error)")
    }
    let lines = text.split(separator: "\n")
    guard let disk = setting.disk else { return lines.first.map(String.init) ?? "" }
    // A disk without a line has no limit.
    return lines.first { $0.hasPrefix("\(disk) ") }.map(String.init) ?? ""
  }
}

extension CgroupSetting {
  /// Fails, with both, where the file shows something else than was written.
  func check(_ shown: String) throws(WorkerError) {
    guard !self.inherited, !self.isHeld(as: shown) else { return }
    throw WorkerError(
      .failedPrecondition,
      "cannot limit \(self.limits.first?.text ?? self.file): '\(self.value)' was written to "
        + "\(self.file), and the kernel holds '\(shown)'")
  }

  private func isHeld(as shown: String) -> Bool {
    switch self.shown {
    case .same: return shown == self.value
    case .pages:
      guard let bytes = Int64(self.value) else { return false }
      return Int64(shown) == bytes / Memory.pageSize * Memory.pageSize
    case .among:
      let words = shown.split(separator: " ")
      return self.value.split(separator: " ").allSatisfy(words.contains)
    }
  }
}

extension Memory {
  /// In bytes.
  static let pageSize = Int64(sysconf(Int32(_SC_PAGESIZE)))
}
