package import GRPCCore
import JobAPI
package import JobEngine

/// The methods of the API. A new one does not compile until `changesSomething` knows it.
package enum Method: String, CaseIterable, Hashable, Sendable {
  case startJob = "StartJob"
  case stopJob = "StopJob"
  case signalJob = "SignalJob"
  case getJob = "GetJob"
  case listJobs = "ListJobs"
  case streamOutput = "StreamOutput"
  case waitJob = "WaitJob"
  case removeJob = "RemoveJob"
  case getServerInfo = "GetServerInfo"

  /// Nil for a method of another service, or one that nobody has decided about.
  package init?(_ descriptor: MethodDescriptor) {
    guard descriptor.service == Worker_V1_JobService.descriptor else { return nil }
    self.init(rawValue: descriptor.method)
  }

  var changesSomething: Bool {
    switch self {
    case .startJob, .stopJob, .signalJob, .removeJob: true
    case .getJob, .listJobs, .streamOutput, .waitJob, .getServerInfo: false
    }
  }
}

/// The roles that a certificate's O fields can name.
package enum Role: String, CaseIterable, Hashable, Sendable {
  /// Everything.
  case admin
  /// Everything, with own jobs.
  case user
  /// See everything, change nothing.
  case viewer
}

/// Whose jobs a caller may use a method on.
package enum Scope: Hashable, Sendable, Comparable {
  case nobodys, own, everybodys
}

/// The one place that decides who may do what.
package enum Authorization {
  /// What a role allows; several roles add up.
  static func scope(of method: Method, for role: Role) -> Scope {
    switch role {
    case .admin: .everybodys
    case .user: .own
    case .viewer: method.changesSomething ? .nobodys : .everybodys
    }
  }

  package static func scope(of method: Method, for caller: Caller) -> Scope {
    caller.roles.map { self.scope(of: method, for: $0) }.max() ?? .nobodys
  }

  /// Whether the caller may use the method at all.
  package static func check(_ method: Method, _ caller: Caller) throws(RPCError) {
    guard self.scope(of: method, for: caller) == .nobodys else { return }
    let able = Role.allCases.filter { self.scope(of: method, for: $0) != .nobodys }
    throw RPCError(
      code: .permissionDenied,
      message: "\(method.rawValue) needs the role \(self.list(able)): '\(caller.name)' has "
        + caller.roles.map(\.rawValue).joined(separator: ", "))
  }

  /// Whether the caller may use the method on a job of `owner`.
  package static func allows(_ method: Method, onJobOf owner: String, _ caller: Caller) -> Bool {
    switch self.scope(of: method, for: caller) {
    case .nobodys: false
    case .own: owner == caller.name
    case .everybodys: true
    }
  }

  /// Whether the caller may ask for all that a spec holds: other users and the host's network are
  /// ways to touch more than own jobs.
  package static func check(_ spec: JobSpec, _ caller: Caller) throws(RPCError) {
    guard self.scope(of: .startJob, for: caller) != .everybodys else { return }
    if spec.user != .own { throw self.needsAdmin("another user (--user)", caller) }
    if spec.network != .none { throw self.needsAdmin("the host's network (--net host)", caller) }
  }

  private static func needsAdmin(_ what: String, _ caller: Caller) -> RPCError {
    RPCError(
      code: .permissionDenied,
      message: "\(what) needs the role admin: '\(caller.name)' has "
        + caller.roles.map(\.rawValue).joined(separator: ", "))
  }

  private static func list(_ roles: [Role]) -> String {
    roles.map(\.rawValue).joined(separator: " or ")
  }
}
