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

  func text(bold: Bool) -> String {
    let widths = Self.head.indices.map { column in
      ([Self.head] + self.rows).map { $0[column].count }.max() ?? 0
    }
    let head = self.line(Self.head, widths)
    let lines =
      [bold ? "\u{1b}[1m\(head)\u{1b}[0m" : head] + self.rows.map { self.line($0, widths) }
    return lines.map { $0 + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    zip(cells, widths).enumerated().map { index, pair in
      let (cell, width) = pair
      // The last column is not filled up: nothing comes behind it.
      return index == cells.count - 1
        ? cell : cell + String(repeating: " ", count: width - cell.count)
    }.joined(separator: "  ")
  }
}
