import ArgumentParser
import GRPCNghttp2
import JobServer

/// What clients may use of the server, for `serve`. Zero is no limit.
struct ClientLimitOptions: ParsableArguments, Sendable {
  @Option(
    help: "Open connections of all clients together.",
    transform: Self.whole)
  var maxConnections = TransportLimits().connections
  @Option(help: "Open connections of one address; 0: no limit.", transform: Self.whole)
  var addressConnections = TransportLimits().connectionsPerAddress
  @Option(
    help:
      "Connections that one address may begin a second, ten times as many at once; 0: no limit.",
    transform: Self.whole)
  var addressHandshakes = TransportLimits().handshakesPerAddress.perSecond
  @Option(help: "Open connections of one user; 0: no limit.", transform: Self.whole)
  var userConnections = TransportLimits().connectionsPerIdentity
  @Option(help: "Open calls of one user, followers among them; 0: no limit.", transform: Self.whole)
  var userCalls = TransportLimits().openCallsPerIdentity
  @Option(
    help: "Jobs that one user may start a second, ten times as many at once; 0: no limit.",
    transform: Self.whole)
  var userStarts = 200
  @Option(
    help: "Bytes a second that one user may send, as 32M, four times as many at once; 0: no limit.",
    transform: Values.size)
  var userBytes = Int64(TransportLimits().bytesPerIdentity.perSecond)
  @Option(
    help: "How long a request may take to arrive, as 30s. (default: 30s)",
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
    configuration.limits.bytesPerIdentity = Self.rate(Int(self.userBytes), burst: 4)
    if let time = self.requestTimeout { configuration.limits.requestTimeout = time }
    configuration.startsPerCaller = Self.rate(self.userStarts, burst: 10)
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
