/// What roles may do: the built-in ones, or those of a policy file.
package struct Policy: Hashable, Sendable {
  /// By the name in the certificate's O field.
  package let roles: [String: Rights]
  /// The file it was read from; nil: built in.
  package let path: String?

  package init(roles: [String: Rights], path: String? = nil) {
    self.roles = roles
    self.path = path
  }

  /// `admin` may do everything, `user` everything with own jobs, `viewer` see everything and change
  /// nothing.
  package static let builtIn: Policy = {
    let all = Method.allCases
    let viewed = all.filter { !$0.changesSomething }
    return Policy(roles: [
      "admin": Rights(all.map { ($0, .everybodys) }, job: .everything),
      "user": Rights(all.map { ($0, .own) }, job: .ownJobs),
      "viewer": Rights(viewed.map { ($0, $0.isAboutOneself ? .own : .everybodys) }),
    ])
  }()

  package var names: [String] { self.roles.keys.sorted() }

  /// What somebody with these roles may do; several add up.
  func rights(of roles: [String]) -> Rights {
    let known = roles.compactMap { self.roles[$0] }
    guard let first = known.first else { return Rights([]) }
    return known.dropFirst().reduce(first) { $0.adding($1) }
  }

  /// The roles that have any right to use `method`.
  func names(allowing method: Method) -> [String] {
    self.names.filter { self.roles[$0]?.scope(of: method) != .nobodys }
  }
}

/// Whose jobs a caller may use a method on.
package enum Scope: Hashable, Sendable, Comparable {
  case nobodys, own, everybodys
}

/// What one role may do, or somebody with several.
package struct Rights: Hashable, Sendable {
  private let scopes: [Method: Scope]
  let job: JobGrant

  init(_ scopes: [(Method, Scope)], job: JobGrant = JobGrant()) {
    self.scopes = Dictionary(scopes) { $1 }
    self.job = job
  }

  private init(scopes: [Method: Scope], job: JobGrant) {
    self.scopes = scopes
    self.job = job
  }

  /// What is not listed is not allowed.
  package func scope(of method: Method) -> Scope {
    self.scopes[method] ?? .nobodys
  }

  func adding(_ other: Rights) -> Rights {
    Rights(scopes: self.scopes.merging(other.scopes) { max($0, $1) }, job: self.job(with: other))
  }

  /// A role that starts no jobs says nothing about them; its lack of bounds must not lift another's.
  private func job(with other: Rights) -> JobGrant {
    if other.scope(of: .startJob) == .nobodys { return self.job }
    if self.scope(of: .startJob) == .nobodys { return other.job }
    return self.job.adding(other.job)
  }
}
