import GRPCCore
import GRPCInProcessTransport
import GRPCNghttp2
import JobAPI
import JobServer
import Logging
import TestSupport

typealias Service = Worker_V1_JobService.Client<InProcessTransport.Client>

/// Puts a certificate's content where the transport would: the in-process transport has none.
struct AssumedPeer: ServerInterceptor {
  let peer: PeerIdentity?

  func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
      StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    var context = context
    context.transportSpecific = self.peer
    return try await next(request, context)
  }
}

/// A certificate of ours.
func peer(_ name: String, roles: [String], domain: String = "worker.local") -> PeerIdentity {
  peer(uris: ["spiffe://\(domain)/user/\(name)"], roles: roles, commonName: name)
}

func peer(
  uris: [String], roles: [String], commonName: String? = nil, notAfter: Int64 = .max
) -> PeerIdentity {
  PeerIdentity(
    commonName: commonName, organizations: roles, uris: uris, serial: "01", notAfter: notAfter,
    fingerprint: "00")
}

/// Runs `body` with a client of a service over `engine`, called by `peer`, all in this process.
func withService(
  _ engine: FakeEngine, as peer: PeerIdentity?, longCalls: LongCalls = LongCalls(),
  policy: Policy = .builtIn, audit: AuditLog? = nil, log: Logger = .silent,
  _ body: @Sendable (Service) async throws -> Void
) async throws {
  let transport = InProcessTransport()
  let service = JobService(
    engine: engine, information: ServerInformation(version: "1.2.3", cgroupVersion: "v2"),
    journal: JobJournal(log: log, audit: audit), longCalls: longCalls)
  try await withGRPCServer(
    transport: transport.server, services: [service],
    interceptors: [
      AssumedPeer(peer: peer),
      Gate(trustDomain: "worker.local", policy: CurrentPolicy(policy), audit: audit, log: log),
    ]
  ) { _ in
    try await withGRPCClient(transport: transport.client) { client in
      try await body(Service(wrapping: client))
    }
  }
}

/// What a call failed with; nil when it did not.
func failure(_ call: () async throws -> Void) async -> RPCError? {
  do {
    try await call()
    return nil
  } catch let error as RPCError {
    return error
  } catch {
    return RPCError(code: .unknown, message: "\(error)")
  }
}
