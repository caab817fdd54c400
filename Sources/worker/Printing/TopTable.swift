import JobAPI
import SwiftProtobuf

/// What jobs use now, the busiest first; rates are those since the table before, or since the start.
struct TopTable {
  /// What a rate is computed from.
  struct Sample: Hashable {
    /// Nanoseconds.
    var cpuTime: Int64
    var readBytes: Int64
    var writtenBytes: Int64
    /// Nanoseconds since 1970.
    var time: Int64
  }

  private struct Row {
    let cores: Double
    let cells: [String]
  }

  private static let head = [
    "ID", "NAME", "OWNER", "STATE", "CPU%", "MEMORY", "PROCS", "READ/S", "WRITE/S", "COMMAND",
  ]

  let samples: [String: Sample]
  private let rows: [Row]

  /// `now`: nanoseconds since 1970; `before`: the samples of the last table.
  init(_ jobs: [Worker_V1_Job], before: [String: Sample], now: Int64) {
    var samples: [String: Sample] = [:]
    var rows: [Row] = []
    for job in jobs {
      let sample = Sample(job, now: now)
      samples[job.id] = sample
      rows.append(Self.row(job, sample, since: before[job.id] ?? Sample(startOf: job, now: now)))
    }
    self.samples = samples
    self.rows = rows.sorted { ($1.cores, $0.cells[0]) < ($0.cores, $1.cells[0]) }
  }

  /// Lines without their ends, cut to `columns` (nil: not at all).
  func lines(columns: Int?) -> [String] {
    let table = [Self.head] + self.rows.map(\.cells)
    let widths = Self.head.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    return table.map { cells in
      let line = zip(cells, widths).map { cell, width in
        cell + String(repeating: " ", count: width - cell.count)
      }.joined(separator: "  ")
      let cut = columns.map { line.prefix($0) } ?? line[...]
      return String(cut.reversed().drop { $0 == " " }.reversed())
    }
  }

  private static func row(_ job: Worker_V1_Job, _ now: Sample, since: Sample) -> Row {
    let seconds = max(Double(now.time - since.time) / 1e9, 0.001)
    let cores = max(Double(now.cpuTime - since.cpuTime) / 1e9 / seconds, 0)
    let memory = Units.bytes(job.usage.memoryBytes)
    let limit = job.limits.hasMemory ? "/\(Units.bytes(job.limits.memory))" : ""
    return Row(
      cores: cores,
      cells: [
        job.id, job.name.isEmpty ? "-" : Printable.escaped(job.name), job.owner,
        job.paused ? "PAUSED" : JobPage.name(job.state), "\(Int((cores * 100).rounded()))",
        memory + limit, "\(job.usage.pids)",
        self.rate(now.readBytes - since.readBytes, seconds),
        self.rate(now.writtenBytes - since.writtenBytes, seconds),
        Printable.command(job.command),
      ])
  }

  private static func rate(_ bytes: Int64, _ seconds: Double) -> String {
    Units.bytes(Int64(max(Double(bytes) / seconds, 0)))
  }
}

extension TopTable.Sample {
  init(_ job: Worker_V1_Job, now: Int64) {
    let usage = job.usage
    self.init(
      cpuTime: usage.cpuTime.seconds * 1_000_000_000 + Int64(usage.cpuTime.nanos),
      readBytes: usage.ioReadBytes, writtenBytes: usage.ioWriteBytes, time: now)
  }

  init(startOf job: Worker_V1_Job, now: Int64) {
    let start = job.hasStartTime ? job.startTime : job.createTime
    let time = start.seconds * 1_000_000_000 + Int64(start.nanos)
    self.init(cpuTime: 0, readBytes: 0, writtenBytes: 0, time: min(time, now))
  }
}
