package import GRPCCore
package import JobAPI
package import JobEngine
import Linux
import SwiftProtobuf

/// From the API's request to the engine's spec. What the values may be is for the engine to say; here
/// is refused only what the engine's types cannot hold.
extension JobSpec {
  package init(_ message: Worker_V1_JobSpec) throws(RPCError) {
    try message.checkSize()
    self.init(command: message.command)
    self.name = message.name.isEmpty ? nil : message.name
    self.labels = message.labels
    self.environment = message.environment
    self.workingDirectory = message.workingDirectory.isEmpty ? nil : message.workingDirectory
    self.user = try User(apiText: message.user)
    if message.hasTimeout { self.timeout = try Duration(message.timeout, field: "timeout") }
    if message.hasCpuTime { self.cpuTime = try Duration(message.cpuTime, field: "cpu_time") }
    self.limits = try Limits(message.limits)
    self.network = try Network(message.network)
    self.takeTree(message)
    self.outputQuota = message.hasOutputQuota ? message.outputQuota : nil
    self.whenOutputFull = try WhenOutputFull(message.outputFull)
  }
}

extension JobSpec.User {
  /// `NAME`, `UID` or `UID:GID`; empty is a user id of the job's own.
  init(apiText text: String) throws(RPCError) {
    guard !text.isEmpty else {
      self = .own
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard text.utf8.allSatisfy({ (48...58).contains($0) }) else {
      guard parts.count == 1 else { throw Self.malformed(text) }
      self = .named(text)
      return
    }
    guard parts.count <= 2, let uid = parts.first.flatMap({ UInt32($0) }) else {
      throw Self.malformed(text)
    }
    let gid = parts.count == 2 ? UInt32(parts[1]) : nil
    // 2^32-1 means "leave as it is" to setresuid(2).
    if parts.count == 2 && gid == nil || uid == .max || gid == .max { throw Self.malformed(text) }
    self = .ids(uid: uid, gid: gid)
  }

  private static func malformed(_ text: String) -> RPCError {
    RPCError(code: .invalidArgument, message: "user must be NAME, UID or UID:GID, got '\(text)'")
  }
}

extension JobSpec.Network {
  init(_ message: Worker_V1_Network) throws(RPCError) {
    switch message {
    case .unspecified, .none: self = .none
    case .host: self = .host
    case .nat: self = .nat
    case .UNRECOGNIZED(let number):
      throw RPCError(code: .invalidArgument, message: "network \(number) is unknown to this server")
    }
  }
}

extension Worker_V1_Network {
  init(_ network: JobSpec.Network) {
    switch network {
    case .none: self = .none
    case .host: self = .host
    case .nat: self = .nat
    }
  }
}

extension Duration {
  /// Refuses what is not a duration by google/protobuf/duration.proto, or is negative.
  init(_ message: Google_Protobuf_Duration, field: String) throws(RPCError) {
    guard (0...315_576_000_000).contains(message.seconds),
      (0...999_999_999).contains(message.nanos)
    else {
      throw RPCError(
        code: .invalidArgument,
        message: "\(field) must be a duration that is not negative, got \(message.seconds) s and "
          + "\(message.nanos) ns")
    }
    self = .seconds(message.seconds) + .nanoseconds(Int64(message.nanos))
  }
}

extension Signal {
  /// As `TERM` or `15`; `empty` is what an empty text means, if anything.
  init(apiText text: String, empty: String? = nil) throws(RPCError) {
    let meant = text.isEmpty ? empty ?? text : text
    guard let signal = Signal(meant) else {
      throw RPCError(
        code: .invalidArgument,
        message: "signal must be a name as TERM or a number from 1 to 64, got '\(text)'")
    }
    self = signal
  }
}
