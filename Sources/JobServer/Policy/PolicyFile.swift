import JobEngine
import Linux

/// Reads a policy file; docs/policy.md is its description. What is not understood is an error: a
/// policy that is half understood protects nobody.
package enum PolicyFile {
  private static let largest = 1 << 20

  package static func read(_ path: String) throws(PolicyError) -> Policy {
    let text: String
    do throws(SystemError) {
      text = try File.readText(path, limit: Self.largest)
    } catch {
      throw PolicyError(description: "cannot read the policy \(path): \(error.reason)")
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
    if let total = fields["total"] { try self.total(total, &grant) }
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
    if let max = fields["max"] {
      for (name, value) in try max.object(known: Cap.allCases.map(\.rawValue)) {
        guard let cap = Cap(rawValue: name) else { continue }
        grant.max[cap] = try value.quantity(cap.unit)
      }
      if let output = grant.max[.output], output < Double(JobSpec.leastOutput) {
        throw max.error("output must be at least \(JobSpec.leastOutput) bytes (256K)")
      }
      if grant.max[.memorySwap] != nil, grant.max[.memory] == nil {
        throw max.error("memorySwap needs memory beside it")
      }
      if let problem = grant.impossibility { throw max.error(problem) }
    }
    return grant
  }

  private static func total(_ node: PolicyNode, _ grant: inout JobGrant) throws(PolicyError) {
    let caps = Cap.allCases.filter(\.hasTotal)
    for (name, value) in try node.object(known: ["jobs"] + caps.map(\.rawValue)) {
      if let cap = Cap(rawValue: name) {
        grant.total[cap] = try value.quantity(cap.unit)
      } else {
        grant.jobs = Int(try value.quantity(.whole))
      }
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
