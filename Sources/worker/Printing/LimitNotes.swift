import JobAPI

/// What is to be known of a job's limits beside their values.
struct LimitNotes {
  private let lines: [String]

  init(_ job: Worker_V1_Job) {
    self.lines = job.applied.sorted { $0.key < $1.key }.compactMap { name, limit in
      limit.unenforced.isEmpty && limit.note.isEmpty ? nil : Self.line(name, limit)
    }
  }

  /// One line each on stderr.
  func print() {
    for line in self.lines { Message.print("limit \(line)") }
  }

  /// As `memory: memory.max = 268435456`.
  static func line(_ name: String, _ limit: Worker_V1_AppliedLimit) -> String {
    guard limit.unenforced.isEmpty else { return "\(name): NOT ENFORCED: \(limit.unenforced)" }
    let note = limit.note.isEmpty ? "" : " (\(limit.note))"
    return "\(name): \(limit.file) = \(limit.value)\(note)"
  }
}
