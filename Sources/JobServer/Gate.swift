package import GRPCCore
import GRPCNghttp2
import JobEngine
import Linux
package import Logging

/// What every call passes: who calls, may they, and on the way out whatever went wrong as a status.
///
/// Handlers find the `Caller` in their context in the place of the peer's certificate. A method that
/// `Method` does not know is refused, so that no service can be added and forgotten.
package struct Gate: ServerInterceptor {
  private let trustDomain: String
  private let policy: CurrentPolicy
  private let audit: AuditLog?
  private let starts: StartPace?
  private let metrics: Metrics?
  /// Of refusals in the log, for each caller: the holder of a certificate without rights must not
  /// fill it.
  private let paces = LinePaces()
  private let log: Logger

  package init(
    trustDomain: String, policy: CurrentPolicy, audit: AuditLog? = nil,
    starts: StartPace? = nil, metrics: Metrics? = nil, log: Logger
  ) {
    self.trustDomain = trustDomain
    self.policy = policy
    self.audit = audit
    self.starts = starts
    self.metrics = metrics
    self.log = log
  }

  package func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
      StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    var context = context
    let decision = self.audit.map { Decision($0, context) }
    do {
      let (caller, method) = try self.admit(context, decision)
      context.transportSpecific = caller
      // What is about no job is decided here.
      if method.isOfNoJob { try await caller.allowed(method) }
      return self.guarding(try await next(request, context), context, decision)
    } catch {
      throw await self.refused(error, context, decision)
    }
  }

  private func admit(
    _ context: ServerContext, _ decision: Decision?
  ) throws(RPCError) -> (Caller, Method) {
    guard let peer = context.transportSpecific as? PeerIdentity else {
      throw RPCError(code: .unauthenticated, message: "the client sent no certificate")
    }
    try peer.checkValidity()
    var caller = try Caller(peer, trustDomain: self.trustDomain, policy: self.policy.value)
    guard let method = Method(context.descriptor) else {
      throw RPCError(
        code: .permissionDenied, message: "\(context.descriptor) is not for anybody")
    }
    try Authorization.check(method, caller)
    // A plan makes cgroups and takes them away, as a start does.
    if method == .startJob || method == .planJob { try self.starts?.take(caller.name) }
    caller.decision = decision
    return (caller, method)
  }

  /// The body of a streaming answer runs after the handler has returned, and fails by itself.
  private func guarding<Output>(
    _ response: StreamingServerResponse<Output>, _ context: ServerContext, _ decision: Decision?
  ) -> StreamingServerResponse<Output> {
    let contents: StreamingServerResponse<Output>.Contents
    switch response.accepted {
    case .success(let accepted): contents = accepted
    case .failure(let error):
      self.metrics?.ended(context.descriptor, error.code)
      return response
    }
    return StreamingServerResponse(metadata: contents.metadata) { writer in
      do {
        let metadata = try await contents.producer(writer)
        self.metrics?.ended(context.descriptor, nil)
        return metadata
      } catch {
        throw await self.refused(error, context, decision)
      }
    }
  }

  /// The error as a status, which the audit is told of.
  private func refused(
    _ error: any Error, _ context: ServerContext, _ decision: Decision?
  ) async -> RPCError {
    let status = self.status(error, context)
    self.metrics?.ended(context.descriptor, status.code)
    guard let decision else { return status }
    let peer = context.transportSpecific as? PeerIdentity
    let caller = context.transportSpecific as? Caller
    await decision.failed(
      status,
      name: caller?.name ?? peer.map { Caller.label($0, trustDomain: self.trustDomain) } ?? "",
      serial: (caller?.certificate ?? peer)?.serial ?? "")
    return status
  }

  /// Converts, and logs once a failure.
  private func status(_ error: any Error, _ context: ServerContext) -> RPCError {
    switch error {
    case let error as RPCError:
      return self.logged(error, context)
    case let error as WorkerError:
      if error.code == .internal { self.failed(error, context) }
      return self.logged(RPCError(error), context)
    case is CancellationError:
      return RPCError(code: .cancelled, message: "the call was cancelled")
    default:
      self.failed(error, context)
      return RPCError(code: .internalError, message: RPCError.internalMessage)
    }
  }

  private func logged(_ error: RPCError, _ context: ServerContext) -> RPCError {
    let level: Logger.Level =
      switch error.code {
      case .unauthenticated, .permissionDenied: .notice
      case .internalError, .dataLoss: .error
      default: .debug
      }
    var metadata = self.metadata(context)
    metadata["reason"] = "\(LineLog.cut(error.message))"
    if level == .notice {
      guard let line = self.paces.next("\(metadata["by"] ?? "")") else { return error }
      if line.withheld > 0 { metadata["not_told"] = "\(line.withheld)" }
    }
    self.log.log(level: level, "call refused", metadata: metadata)
    return error
  }

  private func failed(_ error: any Error, _ context: ServerContext) {
    self.log.error(
      "call failed", metadata: self.metadata(context).merging(["error": "\(error)"]) { $1 })
  }

  private func metadata(_ context: ServerContext) -> Logger.Metadata {
    var who = "?"
    if let caller = context.transportSpecific as? Caller { who = caller.name }
    if let peer = context.transportSpecific as? PeerIdentity { who = peer.commonName ?? "?" }
    return [
      "method": "\(context.descriptor.method)", "by": "\(who)", "peer": "\(context.remotePeer)",
    ]
  }
}

extension PeerIdentity {
  /// A connection ends with its certificate by a clock that knows nothing of steps and suspends; this
  /// is the other.
  func checkValidity() throws(RPCError) {
    guard self.notAfter > Clock.wall() / 1_000_000_000 else {
      throw RPCError(code: .unauthenticated, message: "the client's certificate has expired")
    }
  }
}
