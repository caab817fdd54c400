extension Limits {
  /// These limits with those of `changes` in their places.
  func changed(by changes: Limits) -> Limits {
    var limits = self
    for (_, path) in Self.numbers {
      if let value = changes[keyPath: path] { limits[keyPath: path] = value }
    }
    limits.cpu = changes.cpu ?? self.cpu
    limits.cpuset = changes.cpuset ?? self.cpuset
    if changes.memoryOOMGroup { limits.memoryOOMGroup = true }
    return limits
  }

  /// Refuses what cannot be changed while a job runs.
  func validateChange() throws(WorkerError) {
    guard let first = self.asked.first else {
      throw .invalid("nothing to change: give at least one limit")
    }
    if let resource = self.asked.first(where: { $0.resource != nil }) {
      throw .invalid(
        "\(resource.text) is of each process and set when it starts: it cannot be changed later")
    }
    if self.bestEffort {
      throw .invalid("a change of \(first.text) is made or refused: best-effort is for starts")
    }
  }
}
