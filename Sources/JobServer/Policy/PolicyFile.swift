import Glibc
import JobEngine
import Linux

/// Reads a policy file; docs/policy.md is its description. What is not understood is an error: a
/// policy that is half understood protects nobody.
package enum PolicyFile {
  private static let largest = 1 << 20

  package static func read(_ path: String) throws(PolicyError) -> Policy {
    let text: String?
    do throws(SystemError) {
      // O_NONBLOCK: a FIFO under that name is to be refused, not waited for.
      let file = try File.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
      text =
        try FileStatus(of: file).isRegular
        ? String(decoding: try File.readAll(file, limit: Self.largest), as: UTF8.self) : nil
    } catch {
      throw PolicyError(description: "cannot read the policy \(path): \(error.reason)")
    }
    guard let text else {
      throw PolicyError(description: "cannot read the policy \(path): is not a regular file")
    }
    return try self.parse(text, path: path)
  }

  package static func parse(_ text: String, path: String) throws(PolicyError) -> Policy {
    let top = try PolicyNode(text, file: path)
    let fields = try top.object(known: ["comment", "roles"])
    _ = try fields["comment"]?.text()
    guard let list = fields["roles"] else { throw top.error("the field roles is missing") }
    var roles: [String: Rights] = [:]
    for (name, node) in try list.object(known: nil) {
      guard self.isName(name) else {
        throw node.error("a role's name has 1 to 63 letters, digits, '.', '_' or '-'")
      }
      roles[name] = try self.role(node)
    }
    guard !roles.isEmpty else {
      throw list.error("holds no role, so that nobody could do anything")
    }
    return Policy(roles: roles, path: path)
  }

  private static func isName(_ name: String) -> Bool {
    (1...63).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "._-".utf8.contains($0)
        }
      }
  }

  private static func role(_ node: PolicyNode) throws(PolicyError) -> Rights {
    let fields = try node.object(known: ["comment", "methods", "job", "total"])
    _ = try fields["comment"]?.text()
    guard let methods = fields["methods"] else {
      throw node.error("has no methods, so that it allows nothing: add \"methods\"")
    }
    let scopes = try self.methods(methods)
    var grant = try fields["job"].map(self.job) ?? JobGrant()
    let starts = scopes.contains { $0.0 == .startJob && $0.1 != .nobodys }
    if let total = fields["total"] { try self.total(total, leavesAJob: starts, &grant) }
    if let node = fields["job"] ?? fields["total"],
      !scopes.contains(where: { [.startJob, .updateJob].contains($0.0) && $0.1 != .nobodys })
    {
      throw node.error("is about jobs, but the role may neither StartJob nor UpdateJob")
    }
    return Rights(scopes, job: grant)
  }

  // MARK: Methods

  private static func methods(_ node: PolicyNode) throws(PolicyError) -> [(Method, Scope)] {
    let names = Method.allCases.map(\.rawValue)
    let fields = try node.object(known: names + ["*"])
    guard !fields.isEmpty else { throw node.error("is empty, so that the role allows nothing") }
    let rest = try fields["*"].map(self.scope)
    var scopes: [(Method, Scope)] = []
    for method in Method.allCases {
      if let field = fields[method.rawValue] ?? method.follows.flatMap({ fields[$0.rawValue] }) {
        scopes.append((method, try self.scope(field)))
      } else {
        scopes.append((method, rest ?? (method.isAboutOneself ? .own : .nobodys)))
      }
    }
    return scopes
  }

  private static func scope(_ node: PolicyNode) throws(PolicyError) -> Scope {
    switch try node.text() {
    case "own": return .own
    case "any": return .everybodys
    case "none": return .nobodys
    case let other: throw node.error("must be \"own\", \"any\" or \"none\", got \"\(other)\"")
    }
  }

  // MARK: Jobs

  private static func job(_ node: PolicyNode) throws(PolicyError) -> JobGrant {
    let fields = try node.object(known: [
      "users", "networks", "commands", "max", "binds", "writableBinds", "rootfs", "namespaces",
      "without", "environment",
    ])
    var grant = JobGrant()
    grant.users = try self.set(fields["users"], self.user) ?? []
    grant.networks = try self.set(fields["networks"], self.network) ?? []
    grant.commands = try self.set(fields["commands"], self.path)
    grant.environment =
      try self.set(fields["environment"], self.variable)
      ?? (grant.commands == nil ? nil : PolicyVariables.usual)
    grant.binds = try self.set(fields["binds"], self.path) ?? []
    grant.writableBinds = try self.set(fields["writableBinds"], self.path) ?? []
    grant.rootfs = try self.set(fields["rootfs"], self.path) ?? []
    grant.namespaces =
      try self.set(fields["namespaces"]) { $0 == "user" ? nil : "must be \"user\"" } ?? []
    grant.without =
      try self.set(fields["without"]) { text in
        text == "seccomp" ? nil : "must be \"seccomp\""
      } ?? []
    grant.networks.remove("none")
    grant.users.remove("own")
    if let max = fields["max"] { grant.max = try self.max(max) }
    return grant
  }

  /// A job that asks for nothing gets all of it, so that each has to be what a job can have.
  private static func max(_ node: PolicyNode) throws(PolicyError) -> [Cap: Double] {
    let fields = try node.object(known: Cap.allCases.map(\.rawValue))
    var max: [Cap: Double] = [:]
    for cap in Cap.allCases {
      guard let field = fields[cap.rawValue] else { continue }
      let most = try field.quantity(cap.unit)
      if let reason = cap.impossibility(of: most) { throw field.impossible(reason) }
      max[cap] = most
    }
    if let swap = fields[Cap.memorySwap.rawValue], max[.memory] == nil {
      throw swap.error("needs memory beside it")
    }
    return max
  }

  private static func total(
    _ node: PolicyNode, leavesAJob: Bool, _ grant: inout JobGrant
  ) throws(PolicyError) {
    let caps = Cap.allCases.filter(\.hasTotal)
    let fields = try node.object(known: ["jobs"] + caps.map(\.rawValue))
    for cap in caps {
      guard let field = fields[cap.rawValue] else { continue }
      let most = try field.quantity(cap.unit)
      if leavesAJob, let reason = cap.impossibility(below: most) { throw field.impossible(reason) }
      grant.total[cap] = most
    }
    if let field = fields["jobs"] {
      let jobs = Int(try field.quantity(.whole))
      if leavesAJob, jobs < 1 { throw field.impossible("must be at least 1, got \(jobs)") }
      grant.jobs = jobs
    }
  }

  private static func set(
    _ node: PolicyNode?, _ check: (String) -> String?
  ) throws(PolicyError) -> Set<String>? {
    guard let node else { return nil }
    var all: Set<String> = []
    for (text, element) in try node.texts() {
      if let reason = check(text) { throw element.error("\(reason), got \"\(text)\"") }
      all.insert(text)
    }
    return all
  }

  private static func user(_ text: String) -> String? {
    let isNumeric = text.utf8.allSatisfy { (48...57).contains($0) || ":-".utf8.contains($0) }
    let pair = text.split(separator: ":", omittingEmptySubsequences: false)
    if text.isEmpty || text.contains(",") || text.contains(" ") { return "must be a user" }
    if !isNumeric || PolicyUsers.range(text) != nil { return nil }
    if pair.count <= 2, pair.allSatisfy({ UInt32($0) != nil }) { return nil }
    return "must be \"own\", \"*\", a name, an id, a range as 1000-1999, or ids as 1000:100"
  }

  private static func network(_ text: String) -> String? {
    JobSpec.Network(rawValue: text) != nil ? nil : "must be \"none\", \"nat\" or \"host\""
  }

  private static func variable(_ text: String) -> String? {
    let name = text.hasSuffix("*") ? text.dropLast() : text[...]
    return !text.isEmpty && !name.contains("*") && !text.contains("=")
      ? nil : "must be the name of a variable, or what names begin with and a *"
  }

  private static func path(_ text: String) -> String? {
    PolicyPaths.isPlain(text)
      ? nil : "must be an absolute path without . and .., with a / at its end for a folder"
  }
}

extension PolicyNode {
  fileprivate func impossible(_ reason: String) -> PolicyError {
    self.error("allows no job that could be started: \(reason)")
  }
}
