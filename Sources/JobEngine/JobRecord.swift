import JobStore

/// The file `spec` of a job: what was asked, by whom, and what was settled before the start.
struct JobRecord: Hashable, Sendable {
  var spec: JobSpec
  var owner: String
  /// Nanoseconds since 1970.
  var createTime: Int64
  var request: JobRequest?
  var uid: UInt32
  var gid: UInt32
  /// The boot of the host in which it was started, see `StartRecord`, which a power loss can take
  /// away; nil before the start.
  var bootID: String?
  /// Read back from the kernel before the start, by the limit's name.
  var applied: [String: AppliedLimit] = [:]
}

/// What makes a repeated start the same one.
struct JobRequest: Hashable, Sendable {
  var id: String
  /// Of what was asked, before settings of that moment made a spec of it; nil: the spec is what was asked.
  var digest: String?
}

extension JobRecord {
  /// Whether a request with the id of this job's asks for the same.
  func isOf(_ request: JobRequest, _ spec: JobSpec) -> Bool {
    guard let digest = self.request?.digest, let other = request.digest else {
      return self.spec == spec
    }
    return digest == other
  }

  func encoded() -> [UInt8] {
    var fields = Fields()
    fields.append("owner", self.owner)
    fields.append("created", self.createTime)
    fields.append("request", self.request?.id)
    fields.append("request.digest", self.request?.digest)
    fields.append("uid", self.uid)
    fields.append("gid", self.gid)
    fields.append("boot", self.bootID)
    self.spec.append(to: &fields)
    fields.append(self.applied)
    return fields.encoded(kind: "spec")
  }

  init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "spec")
    self.spec = try JobSpec(fields)
    self.owner = fields["owner"] ?? ""
    self.createTime = try fields.required("created")
    self.request = fields["request"].map {
      JobRequest(id: $0, digest: fields["request.digest"])
    }
    self.uid = try fields.required("uid")
    self.gid = try fields.required("gid")
    self.bootID = fields["boot"]
    self.applied = fields.applied
  }
}

extension Fields {
  mutating func append(_ applied: [String: AppliedLimit]) {
    for (name, limit) in applied.sorted(by: { $0.key < $1.key }) {
      self.append("applied", name)
      self.append("applied.file", limit.file)
      self.append("applied.value", limit.value)
      self.append("applied.note", limit.note)
      self.append("applied.unenforced", limit.unenforced ?? "")
    }
  }

  var applied: [String: AppliedLimit] {
    let notes = self.all("applied.note")
    let unenforced = self.all("applied.unenforced")
    var applied: [String: AppliedLimit] = [:]
    let values = zip(self.all("applied.file"), self.all("applied.value"))
    for (index, (name, (file, value))) in zip(self.all("applied"), values).enumerated() {
      var limit = AppliedLimit(file: file, value: value)
      // Records of older versions have neither.
      if index < notes.count { limit.note = notes[index] }
      if index < unenforced.count, !unenforced[index].isEmpty {
        limit.unenforced = unenforced[index]
      }
      applied[name] = limit
    }
    return applied
  }
}

extension JobSpec {
  fileprivate func append(to fields: inout Fields) {
    fields.append("command", all: self.command)
    fields.append("name", self.name)
    for (key, value) in self.labels.sorted(by: { $0.key < $1.key }) {
      fields.append("label", key)
      fields.append("label.value", value)
    }
    for (key, value) in self.environment.sorted(by: { $0.key < $1.key }) {
      fields.append("environment", key)
      fields.append("environment.value", value)
    }
    fields.append("workdir", self.workingDirectory)
    switch self.user {
    case .own: break
    case .named(let name): fields.append("user.name", name)
    case .ids(let uid, let gid):
      fields.append("user.uid", uid)
      fields.append("user.gid", gid)
    }
    if self.isHostUser { fields.append("user.of", "host") }
    fields.append("timeout", self.timeout?.nanoseconds)
    fields.append("cpu-time", self.cpuTime?.nanoseconds)
    fields.append("network", self.network.rawValue)
    self.appendTree(to: &fields)
    fields.append("output.quota", self.outputQuota)
    fields.append("output.full", JournalQuota.WhenFull(self.whenOutputFull).rawValue)
    self.limits.append(to: &fields)
  }

  fileprivate init(_ fields: Fields) throws(StoreError) {
    self.init(command: fields.all("command"))
    guard !self.command.isEmpty else { throw .malformed("spec: no command") }
    self.name = fields["name"]
    for (key, value) in zip(fields.all("label"), fields.all("label.value")) {
      self.labels[key] = value
    }
    for (key, value) in zip(fields.all("environment"), fields.all("environment.value")) {
      self.environment[key] = value
    }
    self.workingDirectory = fields["workdir"]
    if let name = fields["user.name"] {
      self.user = .named(name)
    } else if let uid: UInt32 = fields.number("user.uid") {
      self.user = .ids(uid: uid, gid: fields.number("user.gid"))
    }
    self.isHostUser = fields["user.of"] == "host"
    self.timeout = (fields.number("timeout") as Int64?).map { .nanoseconds($0) }
    self.cpuTime = (fields.number("cpu-time") as Int64?).map { .nanoseconds($0) }
    self.network = fields["network"].flatMap { JobSpec.Network(rawValue: $0) } ?? .none
    self.takeTree(from: fields)
    self.outputQuota = fields.number("output.quota")
    self.whenOutputFull = JobSpec.WhenOutputFull(fields["output.full"])
    self.limits = Limits(fields)
  }
}

extension Duration {
  /// Whole nanoseconds; what does not fit becomes the largest that does.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = self.components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || carry ? (seconds < 0 ? .min : .max) : sum
  }
}
