import GRPCCore
import GRPCNghttp2
import JobAPI
import SwiftProtobuf

/// From what the policy allows to the API's words for it.
extension Worker_V1_WhoAmIResponse {
  init(_ caller: Caller) {
    self.init()
    self.identity = caller.name
    self.roles = caller.roles
    self.trustDomain = caller.trustDomain
    self.certificateSerial = caller.certificate.serial
    self.certificateEndTime = Google_Protobuf_Timestamp(seconds: caller.certificate.notAfter)
    self.permissions = Method.allCases.map { method in
      .with {
        $0.method = method.rawValue
        $0.access = Worker_V1_Access(caller.rights.scope(of: method))
      }
    }
    if caller.rights.scope(of: .startJob) != .nobodys {
      self.job = Worker_V1_JobRights(caller.rights.job)
    }
  }
}

extension Worker_V1_Access {
  init(_ scope: Scope) {
    switch scope {
    case .nobodys: self = .none
    case .own: self = .own
    case .everybodys: self = .any
    }
  }
}

extension Worker_V1_JobRights {
  init(_ grant: JobGrant) {
    self.init()
    for rule in SpecRules.all {
      guard let values = rule.allowed(grant) else { continue }
      self.allowed[rule.key] = .with { $0.values = values }
    }
    for (cap, value) in grant.max { self.max[cap.rawValue] = value }
    for (cap, value) in grant.total { self.total[cap.rawValue] = value }
    if let jobs = grant.jobs { self.total["jobs"] = Double(jobs) }
  }
}

/// An answer to CheckAccess.
struct AccessCheck {
  let name: String
  let roles: [String]
  let method: Method
  let policy: Policy

  /// About the caller, or about somebody else where the caller may ask for others.
  init(_ request: Worker_V1_CheckAccessRequest, by caller: Caller) throws(RPCError) {
    guard let method = Method(rawValue: request.method) else {
      let known = Method.allCases.map(\.rawValue).joined(separator: ", ")
      throw RPCError(
        code: .invalidArgument, message: "no method '\(request.method)': there are \(known)")
    }
    self.method = method
    self.policy = caller.policy
    guard !request.roles.isEmpty || !request.name.isEmpty else {
      self.name = caller.name
      self.roles = caller.roles
      return
    }
    guard caller.rights.scope(of: .checkAccess) == .everybodys else {
      throw RPCError(
        code: .permissionDenied,
        message: "asking for others needs CheckAccess on any job, which '\(caller.name)' has not")
    }
    self.name = request.name
    self.roles = request.roles
  }

  /// `owner` of the job that was asked for; nil: none was.
  func answer(owner: String?) -> Worker_V1_CheckAccessResponse {
    let scope = self.policy.rights(of: self.roles).scope(of: self.method)
    let roles = Authorization.list(self.roles, or: ",")
    let who = self.name.isEmpty ? "whoever is \(roles)" : "'\(self.name)' (\(roles))"
    return .with {
      $0.access = Worker_V1_Access(scope)
      switch scope {
      case .nobodys:
        $0.allowed = false
        $0.reason =
          Authorization.refusal(of: self.method, self.name, self.roles, self.policy).message
      case .own:
        $0.allowed = owner == nil || owner == self.name
        $0.reason = "\(who) may use \(self.method.rawValue) with own jobs only"
      case .everybodys:
        $0.allowed = true
        $0.reason = "\(who) may use \(self.method.rawValue) with everybody's jobs"
      }
    }
  }
}
