package import GRPCCore
package import JobEngine

/// The one place that decides who may do what.
package enum Authorization {
  /// Whether the caller may use the method at all.
  package static func check(_ method: Method, _ caller: Caller) throws(RPCError) {
    guard caller.rights.scope(of: method) == .nobodys else { return }
    throw self.refusal(of: method, caller.name, caller.roles, caller.policy)
  }

  /// Whether the caller may read `/metrics`, which is about the whole server.
  static func checkMetrics(_ caller: Caller) throws(RPCError) {
    guard caller.rights.scope(of: .getServerInfo) != .everybodys else { return }
    throw RPCError(
      code: .permissionDenied,
      message: "/metrics needs GetServerInfo on \"any\", which '\(caller.name)' ("
        + "\(self.list(caller.roles, or: ","))) has not")
  }

  static func refusal(
    of method: Method, _ name: String, _ roles: [String], _ policy: Policy
  ) -> RPCError {
    let able = policy.names(allowing: method)
    let needed = able.isEmpty ? "is allowed to no role" : "needs the role \(self.list(able))"
    let has = self.list(roles, or: ",")
    return RPCError(
      code: .permissionDenied,
      message: "\(method.rawValue) \(needed): "
        // Asked about roles, and nobody who has them.
        + (name.isEmpty ? "\(has) is not enough" : "'\(name)' has \(has)"))
  }

  /// Whether the caller may use the method on a job of `owner`.
  package static func allows(_ method: Method, onJobOf owner: String, _ caller: Caller) -> Bool {
    switch caller.rights.scope(of: method) {
    case .nobodys: false
    case .own: owner == caller.name
    case .everybodys: true
    }
  }

  /// Whether the caller may ask for all that a spec holds; gives back what the job gets, as bounds of
  /// the policy are limits where none were asked for.
  package static func bounded(_ spec: JobSpec, _ caller: Caller) throws(RPCError) -> JobSpec {
    let grant = caller.rights.job
    for rule in SpecRules.all {
      guard let refused = rule.refused(spec, grant) else { continue }
      throw self.refusal(refused, of: rule, caller)
    }
    // What may be left out is no bound.
    if spec.limits.bestEffort, !grant.max.isEmpty || !grant.total.isEmpty {
      throw RPCError(
        code: .permissionDenied,
        message: "the best effort (--best-effort) is not for \(self.list(caller.roles, or: ",")): "
          + "the policy bounds what jobs of theirs get")
    }
    var spec = spec
    spec.isHostUser = spec.user != .own && !grant.users.contains("*")
    for cap in Cap.allCases {
      guard let most = grant.max[cap] else { continue }
      if let value = cap.value(in: spec) {
        if value > most { throw self.refusal(of: cap, value, most, caller) }
      } else if cap.implied(in: spec).map({ $0 > most }) ?? true {
        cap.give(most, to: &spec)
      }
    }
    return spec
  }

  /// Whether the caller may give a job these limits; what is not among them stays as it is.
  static func check(_ changes: Limits, _ caller: Caller) throws(RPCError) {
    var spec = JobSpec(command: [])
    spec.limits = changes
    for cap in Cap.allCases {
      guard let most = caller.rights.job.max[cap], let value = cap.value(in: spec), value > most
      else { continue }
      throw self.refusal(of: cap, value, most, caller)
    }
  }

  private static func refusal(_ what: String, of rule: SpecRule, _ caller: Caller) -> RPCError {
    let able = caller.policy.names(allowing: .startJob).filter { name in
      caller.policy.roles[name]?.job.isWider(than: caller.rights.job, in: rule) == true
    }
    let hint = able.isEmpty ? "" : ", see the role \(self.list(able))"
    let sentence = rule.refusal(
      of: what, to: self.list(caller.roles, or: ","), caller.rights.job)
    return RPCError(code: .permissionDenied, message: sentence + hint)
  }

  private static func refusal(
    of cap: Cap, _ value: Double, _ most: Double, _ caller: Caller
  ) -> RPCError {
    RPCError(
      code: .permissionDenied,
      message:
        "\(cap.option) is at most \(cap.text(most)) for \(self.list(caller.roles, or: ",")), "
        + "got \(cap.text(value))")
  }

  static func list(_ roles: [String], or last: String = " or") -> String {
    guard roles.count > 1 else { return roles.first ?? "no role" }
    return roles.joined(separator: "\(last) ")
  }
}

extension JobGrant {
  fileprivate func isWider(than other: JobGrant, in rule: SpecRule) -> Bool {
    guard let own = rule.allowed(self) else { return true }
    return !Set(own).isSubset(of: rule.allowed(other) ?? own)
  }
}
