import JobAPI
import SwiftProtobuf

/// Jobs as a table with aligned columns.
struct JobTable {
  private static let head = ["ID", "NAME", "OWNER", "STATE", "AGE", "COMMAND"]
  private let rows: [[String]]

  /// `now`: nanoseconds since 1970, for the ages.
  init(_ jobs: [Worker_V1_Job], now: Int64) {
    self.rows = jobs.map { job in
      [
        job.id, job.name.isEmpty ? "-" : job.name, job.owner, JobPage.state(of: job),
        Units.age(seconds: now / 1_000_000_000 - job.createTime.seconds),
        Printable.command(job.command),
      ]
    }
  }

  func text(bold: Bool) -> String { Table(Self.head, self.rows).text(bold: bold) }
}
