import GRPCCore
package import GRPCNghttp2
import JobEngine
package import Linux
package import Logging

/// How a server is run.
package struct ServerConfiguration: Sendable {
  package var address: SocketAddress
  /// Where certificates are now; asked again with every reload, as files come and go.
  package var tls: @Sendable () throws -> TLSConfiguration
  /// Of the SPIFFE IDs in client certificates.
  package var trustDomain: String
  package var information: ServerInformation
  /// What roles may do; asked again with every reload.
  package var policy: @Sendable () throws -> Policy = { .builtIn }
  /// Where decisions and the events of jobs are written down; nil: nowhere.
  package var audit: AuditLog?
  /// The paths of all of these, whose folders are watched for changes.
  package var files: @Sendable () -> [String] = { [] }
  package var limits = TransportLimits()
  /// Jobs that one caller may start.
  package var startsPerCaller = RateLimit(perSecond: 200, burst: 2000)
  /// End all jobs when the server ends.
  package var stopsJobs = false
  /// How long followers and waiters may go on once the server ends.
  package var drainGrace = Duration.seconds(1)

  package init(
    address: SocketAddress, tls: @escaping @Sendable () throws -> TLSConfiguration,
    trustDomain: String, information: ServerInformation
  ) {
    self.address = address
    self.tls = tls
    self.trustDomain = trustDomain
    self.information = information
  }
}

/// What a running server can be told.
package enum ServerOrder: Hashable, Sendable {
  /// Take no more calls, finish those that run, end.
  case drain
  /// Read certificate, key, revocation list and policy again.
  case reload
  /// The same, if the files are others than before.
  case reloadChanged
}

/// The service on the network: made of engine, transport and log, and taken down in order.
package struct Server<Engine: JobWorker>: Sendable {
  let configuration: ServerConfiguration
  private let engine: Engine
  let log: Logger
  let loop: EventLoop
  private let transport: Nghttp2ServerTransport
  private let server: GRPCServer<Nghttp2ServerTransport>
  private let journal: JobJournal
  let longCalls = LongCalls()
  let files: ServerFiles

  /// Binds, so that a port that is taken or a bad certificate shows before anything runs.
  package init(
    _ configuration: ServerConfiguration, engine: Engine, loops: EventLoopGroup, log: Logger
  ) throws {
    self.configuration = configuration
    self.engine = engine
    self.log = log
    self.loop = loops.next()
    self.journal = JobJournal(log: log, audit: configuration.audit)
    var limits = configuration.limits
    limits.requestSizes = Method.requestSizes
    // Followers shall see the ends of the jobs that are stopped then: their grace, and some.
    if configuration.stopsJobs { limits.shutdownGrace += .seconds(10) }
    let policy = try configuration.policy()
    let tls = try configuration.tls()
    let metrics = Metrics()
    self.transport = try Nghttp2ServerTransport(
      address: configuration.address, tls: tls, limits: limits,
      loops: loops, onEvent: Self.telling(configuration, metrics, log))
    self.files = try ServerFiles(
      configuration, transport: self.transport, tls: tls, policy: policy)
    self.transport.configure(
      pages: Self.pages(configuration, engine, self.files, metrics, self.transport))
    self.server = GRPCServer(
      transport: self.transport,
      services: [
        JobService(
          engine: engine, information: configuration.information, journal: self.journal,
          longCalls: self.longCalls, files: self.files)
      ],
      interceptors: [
        Gate(
          trustDomain: configuration.trustDomain, policy: self.files.policy,
          audit: configuration.audit, starts: StartPace(configuration.startsPerCaller, log: log),
          metrics: metrics, log: log)
      ])
  }

  /// Where it is reached, with the port that the kernel chose when 0 was asked.
  package var address: SocketAddress { self.transport.listeningAddress }

  /// Serves until told to drain, or until the orders end.
  package func run(orders: AsyncStream<ServerOrder>) async throws {
    try await withThrowingTaskGroup { group in
      group.addTask {
        // Until nothing can be started any more, and what was is ended or told of.
        defer { self.journal.finish() }
        try await self.serve()
        if self.configuration.stopsJobs { await self.stopJobs() }
      }
      group.addTask { await self.journal.follow(self.engine) }
      group.addTask {
        await withDiscardingTaskGroup { group in
          group.addTask { await self.warnOfEnds() }
          await self.obey(orders)
          await self.drain()
          group.cancelAll()
        }
      }
      self.log.notice(
        "serving",
        metadata: [
          "address": "\(self.address)", "revocation_list": "\(self.files.hasRevocationList)",
        ])
      try await group.waitForAll()
    }
    if let problem = await self.configuration.audit?.record(AuditEntry(.closed)) {
      self.log.error("audit incomplete", metadata: ["reason": "\(problem)"])
    }
    await self.configuration.audit?.release()
    self.log.notice("ended", metadata: ["address": "\(self.address)"])
  }

  private func serve() async throws {
    do {
      try await self.server.serve()
    } catch let error as RuntimeError where error.code == .serverIsStopped {
      // Told to drain before it could begin: an end like any other.
    }
  }

  private func drain() async {
    self.log.notice("draining", metadata: ["stops_jobs": "\(self.configuration.stopsJobs)"])
    self.server.beginGracefulShutdown()
    if self.configuration.stopsJobs { await self.stopJobs() }
    await withTaskGroup { group in
      group.addTask { await self.longCalls.untilIdle() }
      group.addTask { try? await self.loop.pause(for: self.configuration.drainGrace) }
      _ = await group.next()
      group.cancelAll()
    }
    self.longCalls.end()
  }

  private func stopJobs() async {
    await withDiscardingTaskGroup { group in
      for job in self.engine.jobs() where job.state != .finished {
        group.addTask {
          do throws(WorkerError) {
            _ = try await self.engine.stop(
              job.id, signal: 15, grace: .seconds(10), by: "server", ordered: {})
          } catch {
            self.log.error("job not stopped", metadata: ["job": "\(job.id)", "error": "\(error)"])
          }
        }
      }
    }
  }
}
