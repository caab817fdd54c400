import ArgumentParser
import GRPCNghttp2
import JobServer

/// What clients may use of the server, for `serve`. Zero is no limit, but for the first and the last.
struct ClientLimitOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditional,
    help: """
      Open connections of all clients together, 1 or more. (default: \(TransportLimits().connections))
      """,
    transform: Self.whole)
  var maxConnections = TransportLimits().connections
  @Option(
    parsing: .unconditional,
    help: """
      Open connections of one address; 0: no limit. \
      (default: \(TransportLimits().connectionsPerAddress))
      """,
    transform: Self.whole)
  var addressConnections = TransportLimits().connectionsPerAddress
  @Option(
    parsing: .unconditional,
    help: """
      Connections that one address may begin a second, ten times as many at once; 0: no limit. \
      (default: \(TransportLimits().handshakesPerAddress.perSecond))
      """,
    transform: Self.whole)
  var addressHandshakes = TransportLimits().handshakesPerAddress.perSecond
  @Option(
    parsing: .unconditional,
    help: """
      Open connections of one user; 0: no limit. \
      (default: \(TransportLimits().connectionsPerIdentity))
      """,
    transform: Self.whole)
  var userConnections = TransportLimits().connectionsPerIdentity
  @Option(
    parsing: .unconditional,
    help: """
      Open calls of one user, followers among them; 0: no limit. \
      (default: \(TransportLimits().openCallsPerIdentity))
      """,
    transform: Self.whole)
  var userCalls = TransportLimits().openCallsPerIdentity
  @Option(
    parsing: .unconditional,
    help: """
      Jobs that one user may start or plan a second, ten times as many at once; 0: no limit. \
      (default: 200)
      """,
    transform: Self.whole)
  var userStarts = 200
  @Option(
    parsing: .unconditional,
    help: """
      Bytes a second that one user may send, four times as many at once; 0: no limit. \
      (default: \(Units.bytes(Int64(TransportLimits().bytesPerIdentity.perSecond))))
      """,
    transform: Values.size)
  var userBytes = Int64(TransportLimits().bytesPerIdentity.perSecond)
  @Option(
    parsing: .unconditional,
    help: "How long a request may take to arrive, more than 0s. (default: 30s)",
    transform: Values.duration)
  var requestTimeout: Duration?

  func validate() throws {
    if self.maxConnections == 0 {
      throw ValidationError("--max-connections must be 1 or more, got 0")
    }
    if self.requestTimeout == .zero {
      throw ValidationError("--request-timeout must be more than 0s")
    }
  }

  func apply(to configuration: inout ServerConfiguration) {
    configuration.limits.connections = self.maxConnections
    configuration.limits.connectionsPerAddress = self.addressConnections
    configuration.limits.handshakesPerAddress = Self.rate(self.addressHandshakes, burst: 10)
    configuration.limits.connectionsPerIdentity = self.userConnections
    configuration.limits.openCallsPerIdentity = self.userCalls
    configuration.limits.answersPerIdentity = Self.answers(of: self.userCalls)
    configuration.limits.bytesPerIdentity = Self.rate(Int(self.userBytes), burst: 4)
    if let time = self.requestTimeout { configuration.limits.requestTimeout = time }
    configuration.startsPerCaller = Self.rate(self.userStarts, burst: 10)
  }

  /// So much that followers who pause, each with a message of output queued, stay below it.
  private static func answers(of calls: Int) -> Int {
    guard calls > 0 else { return 0 }
    return max(TransportLimits().answersPerIdentity, (64 << 20) + calls * (64 << 10))
  }

  private static func rate(_ perSecond: Int, burst: Int) -> RateLimit {
    let (product, overflow) = perSecond.multipliedReportingOverflow(by: burst)
    return RateLimit(perSecond: perSecond, burst: overflow ? .max : product)
  }

  private static func whole(_ text: String) throws -> Int {
    guard let number = Int(text), (0...1_000_000_000).contains(number) else {
      throw ValueError(description: "give a whole number from 0 to 1000000000")
    }
    return number
  }
}
