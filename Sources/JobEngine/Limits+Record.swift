import JobStore

/// Limits in the file `spec` of a job.
extension Limits {
  func append(to fields: inout Fields) {
    fields.append("limit.cpu", self.cpu)
    fields.append("limit.cpuset", self.cpuset)
    for (key, path) in Self.keys { fields.append(key, self[keyPath: path]) }
    if self.memoryOOMGroup { fields.append("limit.memory-oom-group", 1) }
    if self.bestEffort { fields.append("limit.best-effort", 1) }
    for (resource, limit) in self.resources.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      fields.append("rlimit", resource.rawValue)
      fields.append("rlimit.soft", limit.soft ?? .max)
      fields.append("rlimit.hard", limit.hard ?? .max)
    }
  }

  init(_ fields: Fields) {
    self.init()
    self.cpu = fields["limit.cpu"].flatMap { Double($0) }
    self.cpuset = fields["limit.cpuset"]
    for (key, path) in Self.keys { self[keyPath: path] = fields.number(key) }
    self.memoryOOMGroup = fields["limit.memory-oom-group"] == "1"
    self.bestEffort = fields["limit.best-effort"] == "1"
    let limits = zip(fields.all("rlimit.soft"), fields.all("rlimit.hard"))
    for (name, (soft, hard)) in zip(fields.all("rlimit"), limits) {
      guard let resource = Resource(rawValue: name) else { continue }
      self.resources[resource] = ResourceLimit(soft: Self.number(soft), hard: Self.number(hard))
    }
  }

  private static var keys: [(String, any WritableKeyPath<Limits, Int64?> & Sendable)] {
    self.numbers.map { ("limit.\($0.key.text)", $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// RLIM_INFINITY is the largest number.
  private static func number(_ text: String) -> UInt64? {
    UInt64(text).flatMap { $0 == .max ? nil : $0 }
  }
}

extension Limits {
  /// Adds what the server gave of itself where nothing was asked for, as the kernel held it.
  mutating func fill(from applied: [String: AppliedLimit]) {
    self.memory = self.memory ?? applied[LimitName.memory.rawValue].flatMap { Int64($0.value) }
    self.pids = self.pids ?? applied[LimitName.pids.rawValue].flatMap { Int64($0.value) }
  }
}
