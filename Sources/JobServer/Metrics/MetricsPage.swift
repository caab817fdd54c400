import GRPCNghttp2
import JobEngine

/// The page `/metrics`: what is counted, and what is the case now.
struct MetricsPage {
  let information: ServerInformation
  let counts: Metrics.Counts
  let traffic: Traffic
  let jobs: [JobState: Int64]
  let files: ServerFiles.Report
  let audit: AuditLog.Report?

  var text: String {
    var text = MetricsText()
    text.family("worker_info", .gauge, "The server's version.")
    text.sample("worker_info", [("version", self.information.version)], 1)
    self.writeJobs(&text)
    self.writeCalls(&text)
    self.writeConnections(&text)
    self.writeFiles(&text)
    if let audit { Self.write(audit, &text) }
    return text.text
  }

  private func writeJobs(_ text: inout MetricsText) {
    text.family("worker_jobs", .gauge, "Jobs by state.")
    for state in [JobState.starting, .running, .stopping, .finished] {
      text.sample("worker_jobs", [("state", "\(state)")], self.jobs[state] ?? 0)
    }
  }

  private func writeCalls(_ text: inout MetricsText) {
    text.family("worker_calls_total", .counter, "Calls that have ended, by method and status.")
    let calls = self.counts.calls.sorted {
      ($0.key.method, $0.key.code) < ($1.key.method, $1.key.code)
    }
    for (call, count) in calls {
      text.sample("worker_calls_total", [("method", call.method), ("code", call.code)], count)
    }
    text.single(
      "worker_calls_over_limit_total", .counter,
      "Calls refused for a limit of their identity before any other thing was looked at.",
      self.counts.callsRefused)
  }

  private func writeConnections(_ text: inout MetricsText) {
    let counts = self.counts
    text.single(
      "worker_connections", .gauge, "Connections of clients that have shown who they are.",
      max(0, counts.connectionsOpened - counts.connectionsClosed))
    text.single(
      "worker_connections_total", .counter, "The same, since the start.", counts.connectionsOpened)
    text.single(
      "worker_connections_refused_total", .counter, "Connections refused for a limit.",
      counts.connectionsRefused)
    text.single(
      "worker_connections_flooded_total", .counter, "Connections ended as floods.",
      counts.connectionsFlooded)
    text.single(
      "worker_accept_failures_total", .counter, "Failures of accept(2).", counts.acceptFailures)
    text.family("worker_handshakes_refused_total", .counter, "Handshakes refused, by reason.")
    for fault in HandshakeFault.allCases {
      text.sample(
        "worker_handshakes_refused_total", [("reason", fault.rawValue)],
        counts.handshakesRefused[fault] ?? 0)
    }
    text.family("worker_network_bytes_total", .counter, "Bytes of connections, with TLS.")
    text.sample("worker_network_bytes_total", [("direction", "in")], self.traffic.received)
    text.sample("worker_network_bytes_total", [("direction", "out")], self.traffic.sent)
  }

  private func writeFiles(_ text: inout MetricsText) {
    text.family(
      "worker_reload_failed", .gauge,
      "1 while files that could not be read again are not in force, and older ones are.")
    for part in ServerFiles.Part.allCases {
      text.sample(
        "worker_reload_failed", [("files", part.rawValue)], self.files.failed.contains(part) ? 1 : 0
      )
    }
    text.family("worker_reload_failures_total", .counter, "Files that could not be read again.")
    for part in ServerFiles.Part.allCases {
      text.sample(
        "worker_reload_failures_total", [("files", part.rawValue)], self.files.failures[part] ?? 0)
    }
    text.single(
      "worker_files_loaded_timestamp_seconds", .gauge, "When all files were read last.",
      self.files.loadTime / 1_000_000_000)
    text.single(
      "worker_certificate_end_timestamp_seconds", .gauge, "When the server's certificate ends.",
      self.files.validity.notAfter)
    if let end = self.files.validity.revocationsEnd, end < .max {
      text.single(
        "worker_revocation_list_end_timestamp_seconds", .gauge, "When the revocation list ends.",
        end)
    }
  }

  private static func write(_ audit: AuditLog.Report, _ text: inout MetricsText) {
    text.single(
      "worker_audit_failed", .gauge, "1 while lines cannot be written.", audit.hasFailed ? 1 : 0)
    text.single("worker_audit_lines_total", .counter, "Lines written.", audit.written)
    text.single("worker_audit_lines_lost_total", .counter, "Lines not written.", audit.lost)
  }
}
