/// What a spec must be before anything is done for it.
extension JobSpec {
  /// Throws `invalidArgument` with the first value that is wrong and what to do.
  package func validate() throws(WorkerError) {
    try self.validateCommand()
    if let name = self.name { try Self.validateName(name, what: "name") }
    try self.validateLabels()
    try self.validateEnvironment()
    try self.validateWorkingDirectory()
    if let timeout = self.timeout, timeout <= .zero || timeout > Self.maxTimeout {
      throw .invalid("timeout must be above zero and at most 100 years, got \(timeout)")
    }
    if let cpuTime = self.cpuTime, cpuTime <= .zero || cpuTime > Self.maxTimeout {
      throw .invalid("cpu-time must be above zero and at most 100 years, got \(cpuTime)")
    }
    if case .named(let name) = self.user, name.isEmpty || name.utf8.contains(0) {
      throw .invalid("user must be a name, an id or id:id, got '\(name)'")
    }
    try self.limits.validate()
    try self.validateMounts()
  }

  private static let maxTimeout = Duration.seconds(100 * 365 * 86_400)
  private static let maxLabels = 64
  private static let maxLabelValue = 255

  private func validateCommand() throws(WorkerError) {
    guard let program = self.command.first, !program.isEmpty else {
      throw .invalid("command is empty: give a program")
    }
    if let bad = self.command.firstIndex(where: { $0.utf8.contains(0) }) {
      throw .invalid("command[\(bad)] holds a NUL, which no argument can")
    }
  }

  /// A letter or digit, then letters, digits, `.`, `_`, `-`; at most 63.
  private static func validateName(_ name: String, what: String) throws(WorkerError) {
    let bytes = name.utf8
    guard let first = bytes.first, bytes.count <= 63, self.isAlphanumeric(first),
      bytes.allSatisfy({ self.isAlphanumeric($0) || ".-_".utf8.contains($0) })
    else {
      throw .invalid(
        "\(what) must be a letter or digit and then letters, digits, '.', '_' or '-', "
          + "at most 63, got '\(name)'")
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private func validateLabels() throws(WorkerError) {
    guard self.labels.count <= Self.maxLabels else {
      throw .invalid("at most \(Self.maxLabels) labels, got \(self.labels.count)")
    }
    for (key, value) in self.labels {
      try Self.validateName(key, what: "label key")
      guard value.utf8.count <= Self.maxLabelValue, !value.utf8.contains(0) else {
        throw .invalid(
          "the value of label '\(key)' must be at most \(Self.maxLabelValue) bytes without NUL")
      }
    }
  }

  private func validateEnvironment() throws(WorkerError) {
    for (key, value) in self.environment {
      guard !key.isEmpty, !key.utf8.contains(0), !key.utf8.contains(UInt8(ascii: "=")) else {
        throw .invalid("an environment name must hold no '=' and no NUL, got '\(key)'")
      }
      guard !value.utf8.contains(0) else {
        throw .invalid("the value of environment '\(key)' holds a NUL")
      }
    }
  }

  private func validateWorkingDirectory() throws(WorkerError) {
    guard let path = self.workingDirectory else { return }
    guard path.hasPrefix("/"), !path.utf8.contains(0) else {
      throw .invalid("working directory must be an absolute path, got '\(path)'")
    }
  }
}

extension WorkerError {
  static func invalid(_ message: String) -> WorkerError {
    WorkerError(.invalidArgument, message)
  }
}
