import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What is settled when a job starts, beside `LimitOptions`.
struct StartLimitOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Of each process: nofile, core, fsize or stack, as nofile=1024:2048; repeatable.",
      valueName: "name=soft[:hard]"),
    transform: ResourceValue.init)
  var ulimit: [ResourceValue] = []

  @Flag(help: "Start even if a limit cannot be enforced on this host; status says which.")
  var bestEffort = false

  func set(_ limits: inout Worker_V1_Limits) {
    for value in self.ulimit { limits.resources[value.name] = value.message }
    limits.bestEffort = self.bestEffort
  }
}

/// `NAME=SOFT[:HARD]`, as of ulimit(1): numbers, sizes with K, M or G, or `unlimited`.
struct ResourceValue: Hashable, Sendable {
  let name: String
  /// Nil: unlimited.
  let soft: Int64?
  let hard: Int64?

  private static let names = ["nofile", "core", "fsize", "stack"]
  private static let hint =
    "give NAME=SOFT or NAME=SOFT:HARD with a NAME of nofile, core, fsize or stack, as "
    + "nofile=1024:2048"

  /// With one number, both limits are it.
  init(_ text: String) throws {
    let pair = try Values.pair(text)
    let parts = pair.value.split(separator: ":", omittingEmptySubsequences: false)
    guard Self.names.contains(pair.key), (1...2).contains(parts.count) else {
      throw ValueError(description: Self.hint)
    }
    self.name = pair.key
    self.soft = try Self.number(parts[0])
    self.hard = try Self.number(parts[parts.count - 1])
  }

  private static func number(_ text: Substring) throws -> Int64? {
    if text == "unlimited" { return nil }
    do { return try Values.size(String(text)) } catch {
      throw ValueError(description: Self.hint)
    }
  }

  var message: Worker_V1_ResourceLimit {
    .with {
      if let soft { $0.soft = UInt64(soft) }
      if let hard { $0.hard = UInt64(hard) }
    }
  }
}
