import JobAPI
import SwiftProtobuf

/// One property of a host that a small job shows, or shows to be missing.
struct DoctorCheck: Sendable {
  let name: String
  let spec: Worker_V1_JobSpec
  /// The job is stopped as soon as it has written something.
  var stops = false
  /// What the job and its output prove.
  let judge: @Sendable (Evidence) -> DoctorFinding

  /// What is known of a job that has ended.
  struct Evidence: Sendable {
    var job = Worker_V1_Job()
    var stdout: [UInt8] = []
    var stderr: [UInt8] = []
    /// From its first instruction to its end.
    var seconds: Double {
      let (start, end) = (self.job.startTime, self.job.endTime)
      return Double(end.seconds - start.seconds) + Double(end.nanos - start.nanos) / 1e9
    }
  }
}

/// What came of a check.
struct DoctorFinding: Hashable, Sendable {
  enum Result: String, Hashable, Sendable {
    /// What is promised is so: it was measured.
    case holds
    /// What is promised is not so.
    case fails
    /// The server refuses to promise it, and says why.
    case refused
    /// The job could not do what was to be measured.
    case unknown
  }

  let result: Result
  /// What was measured, or why nothing was.
  let detail: String

  init(_ result: Result, _ detail: String) {
    self.result = result
    self.detail = detail
  }

  static func check(_ holds: Bool, _ detail: String) -> DoctorFinding {
    DoctorFinding(holds ? .holds : .fails, detail)
  }

  /// `memory     holds    peak 32M of 32M, …`
  func line(_ name: String) -> String {
    func filled(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(1, width - text.count))
    }
    return Printable.escaped(filled(name, 11) + filled(self.result.rawValue, 9) + self.detail)
      + "\n"
  }
}
