import ArgumentParser
import GRPCNghttp2
import Glibc
import JobEngine
import JobServer
import Linux
import Logging

/// `worker serve`
struct ServeCommand: LoopCommand, Sendable {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run the server of this host (as root).",
    discussion: """
      SIGTERM ends it with 0 after the calls that run; its jobs go on, and the next server on the same \
      state directory has them again. Certificates, the \
      revocation list and the policy are read again when they change, and on SIGHUP.

      EXAMPLE: worker serve --listen 0.0.0.0:7443 --certs /etc/worker
      """)

  @Option(help: "Where to listen, HOST:PORT; an empty HOST is every interface.")
  var listen = ConnectionOptions.defaultServer
  @Option(
    help: """
      The certificate folder: ca.crt, server.crt, server.key, and ca.crl if there is one. \
      (WORKER_CERTS; default: ./certs, then /etc/worker)
      """)
  var certs: String?
  @Option(help: "Where jobs and their output are kept.") var stateDir = "/var/lib/worker"
  @Option(help: "A cgroup2 folder below which jobs get theirs. (default: found)")
  var cgroupRoot: String?
  @Option(help: "What roles may do, a JSON file. (default: the roles admin, user and viewer)")
  var policy: String?
  @Option(help: "Where each decision and each end of a job is written down. (default: nowhere)")
  var audit: String?
  @Option(help: "When that file cannot be written: refuse starts, or allow them.")
  var auditFailure = AuditFailure.refuse
  @Option(
    parsing: .unconditional,
    help: """
      How long a finished job is kept; the oldest goes first, and none that is read. (default: 168h)
      """,
    transform: Values.duration)
  var keepFinished: Duration = .seconds(7 * 86_400)
  @Option(parsing: .unconditional, help: "How many finished jobs are kept.") var keepJobs = 1000
  @Option(
    parsing: .unconditional,
    help: "How much output of finished jobs is kept together. (default: 10G)",
    transform: Values.size)
  var keepBytes: Int64 = 10 << 30
  @Option(
    parsing: .unconditional,
    help: "When a client that answers nothing is given up, 1s at least. (default: 30s)",
    transform: Values.duration)
  var deadPeer: Duration = .seconds(30)
  @Option(help: "debug, info, notice, warning or error.") var logLevel = LogLevel.info
  @Option(
    parsing: .unconditional,
    help: "Bytes of output kept of a job that does not say how many. (default: 4G)",
    transform: Values.size)
  var outputQuota: Int64 = 4 << 30
  @Option(
    parsing: .unconditional,
    help: "The most that a job may ask for. (default: as much as it likes)",
    transform: Values.size)
  var outputQuotaMax: Int64?
  @Flag(help: "Stop all jobs when the server ends.") var stopJobsOnExit = false
  @OptionGroup(title: "All jobs together") var totals: TotalsOptions
  @OptionGroup(title: "What clients may use") var limits: ClientLimitOptions

  func validate() throws {
    guard self.keepJobs >= 0 else {
      throw ValidationError("--keep-jobs must not be negative, got \(self.keepJobs)")
    }
    guard self.deadPeer >= .seconds(1) else {
      throw ValidationError("--dead-peer must be 1s at least, got \(self.deadPeer)")
    }
  }

  func execute() throws -> Never {
    // Before a key is read: none of it shall end in a core dump or in a debugger.
    try CurrentProcess.keepSecrets()
    // Before the first thread, as threads inherit what is blocked.
    let signals = try SignalStream([SIGTERM, SIGINT, SIGHUP])
    let folder = try CertificateSearch(.process).server(
      self.certs ?? Environment.process["WORKER_CERTS"])
    _ = try folder.tls("server")  // what is missing is told before anything is opened
    let trustDomain = try folder.trustDomain()
    let address = try SocketAddress(parsing: self.listen)
    let policy = self.policy.map { Path.fromRoot($0) }
    _ = try Self.readPolicy(policy)
    let audit = try self.openAudit()
    let queue = try LogQueue()
    let log = self.logger(queue)
    try EventLoop.runOnCurrentThread { loop in
      do {
        defer { queue.finish() }
        let worker = try await self.openWorker(
          hiding: [folder.path] + (audit.map { try [Self.hidden($0, log)] } ?? []), log)
        var configuration = ServerConfiguration(
          address: address, tls: { try Self.tls(folder.path, worker) },
          trustDomain: trustDomain,
          information: ServerInformation(
            version: Version.current, cgroupVersion: worker.cgroupVersion))
        configuration.policy = { try Self.readPolicy(policy) }
        configuration.audit = audit
        configuration.files = { folder.serverPaths + (policy.map { [$0] } ?? []) }
        self.apply(to: &configuration)
        try await self.serve(
          configuration, worker, folder, loop, log, orders: Self.orders(signals))
        return ExitCode.success
      } catch {
        let failure = Failure(error)
        Message.print(failure.description)
        return failure.code
      }
    }
  }

  /// What the options say by themselves.
  private func apply(to configuration: inout ServerConfiguration) {
    configuration.stopsJobs = self.stopJobsOnExit
    self.limits.apply(to: &configuration)
    configuration.limits.noticeDeadPeers(within: self.deadPeer)
  }

  private func logger(_ queue: LogQueue) -> Logger {
    let level = self.logLevel.level
    return Logger(label: "worker") { _ in LineLog(level: level) { queue.write($0) } }
  }

  /// Links may lead to other keys than at the last reading: hidden before they are used.
  private static func tls(_ path: String, _ worker: Worker) throws -> TLSConfiguration {
    let files = try CertificateFiles(path)
    worker.hide(files.secretPlaces)
    return try files.tls("server")
  }

  private func openAudit() throws -> AuditLog? {
    guard let path = self.audit else { return nil }
    do throws(AuditProblem) {
      return try AuditLog(path, isRequired: self.auditFailure == .refuse)
    } catch {
      throw Failure("cannot keep the audit file \(error)")
    }
  }

  private static func hidden(_ audit: AuditLog, _ log: Logger) throws -> String {
    let place = try AuditPlace(audit.path)
    if !place.isOwnFolder {
      log.warning(
        "audit files that are renamed can be read by jobs as root: keep them in a folder of their own",
        metadata: ["file": "\(place.file)"])
    }
    return place.hidden
  }

  private static func readPolicy(_ path: String?) throws -> Policy {
    guard let path else { return .builtIn }
    return try PolicyFile.read(path)
  }

  private func openWorker(hiding paths: [String], _ log: Logger) async throws -> Worker {
    var configuration = WorkerConfiguration(stateDirectory: self.stateDir)
    configuration.cgroupRoot = self.cgroupRoot
    configuration.totals = self.totals.totals
    configuration.hiddenPaths = try paths.map { try File.realPath($0) }
    configuration.defaultOutputQuota = self.outputQuota
    configuration.maxOutputQuota = self.outputQuotaMax
    configuration.retention = Retention(
      age: self.keepFinished, count: self.keepJobs, bytes: self.keepBytes)
    configuration.onExpired = { job in
      log.info(
        "job removed",
        metadata: ["job": "\(job.id)", "owner": "\(job.owner)", "by": "retention"])
    }
    let worker = try await Worker.open(configuration)
    do {
      try await worker.prepare()
    } catch {
      await worker.close()
      throw error
    }
    return worker
  }

  private func serve(
    _ configuration: ServerConfiguration, _ worker: Worker, _ folder: CertificateFiles,
    _ loop: EventLoop, _ log: Logger, orders: AsyncStream<ServerOrder>
  ) async throws {
    if let key = folder.linkedKeys.first {
      log.warning(
        "a key that is renewed can be read by running jobs as root: keep them in the folder",
        metadata: ["file": "\(key)"])
    }
    for problem in worker.problems { log.warning("left alone", metadata: ["what": "\(problem)"]) }
    do {
      let server = try Server(
        configuration, engine: worker, loops: try EventLoopGroup(sharing: loop), log: log)
      try await server.run(orders: orders)
    } catch {
      await worker.close()
      throw error
    }
    await worker.close()
  }

  private static func orders(_ signals: SignalStream) -> AsyncStream<ServerOrder> {
    let received = signals.start()
    return AsyncStream {
      for await signal in received { return signal == SIGHUP ? .reload : .drain }
      return nil
    }
  }
}

/// The levels that our log uses.
enum LogLevel: String, ExpressibleByArgument, CaseIterable, Sendable {
  case debug, info, notice, warning, error

  var level: Logger.Level {
    switch self {
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    }
  }
}

/// What becomes of starts whose line cannot be written.
enum AuditFailure: String, ExpressibleByArgument, CaseIterable { case refuse, allow }

enum Path {
  /// By the same names, from the root on.
  static func fromRoot(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return "\(String(cString: folder))/\(path)"
  }
}

extension EventLoopGroup {
  /// One loop a processor, of which the calling command's own is one.
  convenience init(sharing loop: EventLoop) throws(SystemError) {
    let others = sysconf(CInt(_SC_NPROCESSORS_ONLN)) - 1
    let more = others > 0 ? try EventLoopGroup(count: others).loops : []
    self.init([loop] + more)
  }
}
