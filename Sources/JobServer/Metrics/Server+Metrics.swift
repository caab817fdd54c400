import GRPCCore
import GRPCNghttp2
import JobEngine
import Linux
import Logging

/// `GET /metrics`, for whoever may ask about the whole server.
struct MetricsHandler<Engine: JobWorker>: Sendable {
  let engine: Engine
  let configuration: ServerConfiguration
  let policy: CurrentPolicy
  let metrics: Metrics
  /// Nil: the server is gone.
  let files: @Sendable () -> ServerFiles.Report?
  let traffic: @Sendable () -> Traffic

  func answer(_ request: PageRequest) async -> PageAnswer {
    let name = Caller.label(request.identity, trustDomain: self.configuration.trustDomain)
    var entry = AuditEntry(.decision)
    entry.identity = name
    entry.serial = request.identity.serial
    entry.peer = request.peer.grpcPeer
    entry.method = "GET \(request.path)"
    entry.decision = "allowed"
    do throws(RPCError) {
      try request.identity.checkValidity()
      let caller = try Caller(
        request.identity, trustDomain: self.configuration.trustDomain,
        policy: self.policy.value)
      try Authorization.checkMetrics(caller)
      await self.configuration.audit?.note(entry)
      guard let page = self.page else { return PageAnswer(status: 503, text: "") }
      return PageAnswer(status: 200, contentType: MetricsText.contentType, text: page.text)
    } catch {
      entry.decision = "refused"
      entry.reason = "\(error.code): \(error.message)"
      await self.configuration.audit?.note(entry)
      return PageAnswer(status: 403, text: error.message + "\n")
    }
  }

  private var page: MetricsPage? {
    guard let files = self.files() else { return nil }
    var jobs: [JobState: Int64] = [:]
    for job in self.engine.jobs() { jobs[job.state, default: 0] += 1 }
    return MetricsPage(
      information: self.configuration.information, counts: self.metrics.counts,
      traffic: self.traffic(), jobs: jobs, files: files,
      audit: self.configuration.audit?.report)
  }
}

extension Server {
  /// Without a cycle: the transport holds its pages.
  static func pages(
    _ configuration: ServerConfiguration, _ engine: Engine, _ files: ServerFiles,
    _ metrics: Metrics, _ transport: Nghttp2ServerTransport
  ) -> ServerPages {
    let handler = MetricsHandler(
      engine: engine, configuration: configuration, policy: files.policy, metrics: metrics,
      files: { [weak files] in files?.report },
      traffic: { [weak transport] in transport?.traffic ?? Traffic() })
    return ["/metrics": { await handler.answer($0) }]
  }

  /// Whom the transport's events concern.
  static func telling(
    _ configuration: ServerConfiguration, _ metrics: Metrics, _ log: Logger
  ) -> @Sendable (TransportEvent) -> Void {
    let lines = TransportLog(log)
    let audit = configuration.audit.map {
      TransportAudit($0, trustDomain: configuration.trustDomain)
    }
    return { event in
      lines.add(event)
      metrics.add(event)
      audit?.add(event)
    }
  }
}
