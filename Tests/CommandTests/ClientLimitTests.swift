import ArgumentParser
import GRPCNghttp2
import JobServer
import Linux
import Testing

@testable import worker

/// What a server's clients may use, from the command line.
@Suite struct ClientLimitTests {
  private func configuration(_ options: [String]) throws -> ServerConfiguration {
    let command = try #require(
      try WorkerCommand.parseAsRoot(["serve"] + options) as? ServeCommand)
    var configuration = ServerConfiguration(
      address: try SocketAddress(parsing: "127.0.0.1:0"),
      tls: { TLSConfiguration(trustRoots: "", certificateChain: "", privateKey: "") },
      trustDomain: "x", information: ServerInformation(version: "", cgroupVersion: ""))
    command.limits.apply(to: &configuration)
    return configuration
  }

  @Test func withoutOptionsTheTransportsOwnHold() throws {
    let configuration = try self.configuration([])
    #expect(configuration.limits == TransportLimits())
    #expect(configuration.startsPerCaller == RateLimit(perSecond: 200, burst: 2000))
  }

  @Test func everyOptionReachesItsLimit() throws {
    let configuration = try self.configuration([
      "--max-connections", "9", "--address-connections", "8", "--address-handshakes", "7",
      "--user-connections", "6", "--user-calls", "0", "--user-starts", "4", "--user-bytes", "3M",
      "--request-timeout", "2s",
    ])
    #expect(configuration.limits.connections == 9)
    #expect(configuration.limits.connectionsPerAddress == 8)
    #expect(configuration.limits.handshakesPerAddress == RateLimit(perSecond: 7, burst: 70))
    #expect(configuration.limits.connectionsPerIdentity == 6)
    #expect(configuration.limits.openCallsPerIdentity == 0)
    #expect(
      configuration.limits.bytesPerIdentity == RateLimit(perSecond: 3 << 20, burst: 12 << 20))
    #expect(configuration.limits.requestTimeout == .seconds(2))
    #expect(configuration.startsPerCaller == RateLimit(perSecond: 4, burst: 40))
  }

  @Test(arguments: [
    ["--max-connections", "0"], ["--user-calls", "-1"], ["--user-starts", "many"],
    ["--user-bytes", "lots"], ["--request-timeout", "0s"],
  ])
  func whatIsNoLimitIsRefused(options: [String]) {
    let failure = ParserTests.failure(["serve"] + options)
    #expect(failure?.description.contains(options[0]) == true)
  }
}
