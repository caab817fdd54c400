import Foundation
import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

@Suite struct ConnectionTests {
  /// A method that answers once and then waits for `log` to say `go on`.
  private static func held(_ log: Probe) -> EchoService.Handler {
    { _, _ in
      StreamingServerResponse { writer in
        try await writer.write([1])
        log.add("held")
        await log.wait("go on")
        try await writer.write([2])
        return [:]
      }
    }
  }

  /// The same, until its call is cancelled.
  private static func waiting(_ log: Probe) -> EchoService.Handler {
    { _, context in
      StreamingServerResponse { writer in
        try await writer.write([1])
        log.add("held")
        try await context.cancellation.cancelled
        return [:]
      }
    }
  }

  @Test func nobodyListensSaysSo() async throws {
    // Bound and closed again: a port that was free a moment ago.
    let address = SocketAddress(endpoint: try Harness.listener().endpoint)
    let server = Harness.Server(server: nil, address: address, events: EventLog())
    let error = await #expect(throws: RPCError.self) {
      try await server.withClient { try await $0.get("Get", []).message }
    }
    #expect(error?.code == .unavailable)
    #expect(
      error?.message == "cannot connect to \(address) (\(address)): connection refused")
  }

  @Test func silentServerIsGivenUp() async throws {
    let listener = try Harness.listener()
    let transport = try Nghttp2ClientTransport(
      address: SocketAddress(endpoint: listener.endpoint),
      tls: TestCertificates.shared.configuration("alice"), loop: Harness.loops.next(),
      connectTimeout: .milliseconds(100))
    let client = GRPCClient(transport: transport)
    let error = await #expect(throws: RPCError.self) { try await client.get("Get", []).message }
    #expect(error?.code == .unavailable)
    #expect(error?.message.hasSuffix("no answer in time") == true)
    withExtendedLifetime(listener) {}
  }

  @Test func addressInUseIsAnErrorAtOnce() async throws {
    try await Harness.withServer { server in
      let error = #expect(throws: SystemError.self) {
        try Nghttp2ServerTransport(
          address: server.address, tls: TestCertificates.shared.configuration("server"),
          loops: Harness.loops)
      }
      #expect(error?.description == "listen on \(server.address): Address already in use")
    }
  }

  @Test func serverThatDiesFailsTheCallAndTheNextConnectsAnew() async throws {
    let log = Probe()
    let address = try await Harness.withServer(EchoService(["Held": Self.waiting(log)])) { server in
      server.address
    }
    let loop = Harness.loops.next()
    let transport = try Nghttp2ClientTransport(
      address: address, tls: TestCertificates.shared.configuration("alice"), loop: loop)
    let client = GRPCClient(transport: transport)
    let call = try await Harness.withServer(EchoService(["Held": Self.waiting(log)]), at: address) {
      _ in
      let call = Task {
        try await client.expand("Held", []) { response in
          for try await _ in response.messages {}
        }
      }
      await log.wait("held")
      return call
    }
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable)
    #expect(error?.message.hasPrefix("the connection to \(address) was lost: ") == true)
    try await Harness.withServer(at: address) { _ in
      let echoed = try await client.get("Get", [3]).message
      #expect(echoed == [3])
    }
  }

  @Test func gracefulShutdownLetsCallsEndAndRefusesNewOnes() async throws {
    let log = Probe()
    let events = EventLog()
    try await Harness.withServer(EchoService(["Held": Self.held(log)]), events: events) { server in
      try await server.withClient { client in
        let call = Task {
          try await client.expand("Held", []) { response in
            var received: [UInt8] = []
            for try await message in response.messages { received += message }
            return received
          }
        }
        await log.wait("held")
        server.server?.beginGracefulShutdown()
        // The client has the GOAWAY when its calls go to a new connection, which is refused.
        var refusal: RPCError?
        while refusal == nil {
          do { _ = try await client.get("Get", []).message } catch let error as RPCError {
            refusal = error
          }
        }
        #expect(refusal?.code == .unavailable)
        log.add("go on")
        let received = try await call.value
        #expect(received == [1, 2])
      }
    }
  }

  @Test func graceEndsWhatDoesNotEnd() async throws {
    let log = Probe()
    var limits = TransportLimits()
    limits.shutdownGrace = .milliseconds(50)
    try await Harness.withServer(EchoService(["Held": Self.waiting(log)]), limits: limits) {
      server in
      try await server.withClient { client in
        let call = Task {
          try await client.expand("Held", []) { response in
            for try await _ in response.messages {}
          }
        }
        await log.wait("held")
        server.server?.beginGracefulShutdown()
        let error = await #expect(throws: RPCError.self) { try await call.value }
        #expect(error?.code == .unavailable)
      }
    }
  }

  @Test func idleConnectionIsClosedAndOpenedAgain() async throws {
    var limits = TransportLimits()
    limits.idleTimeout = .milliseconds(50)
    try await Harness.withServer(limits: limits) { server in
      try await server.withClient { client in
        _ = try await client.get("Get", [1])
        _ = await server.events.first { event in
          guard case .connectionClosed = event else { return false }
          return true
        }
        let echoed = try await client.get("Get", [2]).message
        #expect(echoed == [2])
      }
    }
  }

  @Test func clientThatDoesNotAnswerIsDropped() async throws {
    var limits = TransportLimits()
    limits.keepaliveInterval = .milliseconds(50)
    limits.keepaliveTimeout = .milliseconds(50)
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      let event = await server.events.first { event in
        guard case .connectionClosed = event else { return false }
        return true
      }
      guard case .connectionClosed(_, let reason) = event else { return }
      #expect(reason == "the peer does not answer")
      withExtendedLifetime(peer) {}
    }
  }

  @Test func serverThatDoesNotAnswerFailsTheCall() async throws {
    var limits = TransportLimits()
    limits.keepaliveInterval = .milliseconds(50)
    limits.keepaliveTimeout = .milliseconds(50)
    let listener = try Harness.listener()
    let transport = try Nghttp2ClientTransport(
      address: SocketAddress(endpoint: listener.endpoint),
      tls: TestCertificates.shared.configuration("alice"), limits: limits,
      loop: Harness.loops.next())
    let client = GRPCClient(transport: transport)
    let call = Task { try await client.get("Get", []).message }
    let peer = try await Harness.accept(listener)
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable)
    #expect(error?.message.hasSuffix("the peer does not answer") == true)
    withExtendedLifetime(peer) {}
  }

  @Test func connectionsBeyondTheLimitAreRefused() async throws {
    var limits = TransportLimits()
    limits.connections = 1
    try await Harness.withServer(limits: limits) { server in
      try await server.withClient { first in
        _ = try await first.get("Get", [])
        let error = await #expect(throws: RPCError.self) {
          try await server.withClient { try await $0.get("Get", []).message }
        }
        #expect(error?.code == .unavailable)
        _ = await server.events.first { event in
          guard case .connectionRefused = event else { return false }
          return true
        }
      }
    }
  }

  @Test func callsBeyondTheStreamLimitWaitTheirTurn() async throws {
    var limits = TransportLimits()
    limits.streamsPerConnection = 3
    try await Harness.withServer(limits: limits) { server in
      try await server.withClient { client in
        try await withThrowingTaskGroup(of: Int.self) { group in
          for number in 0..<200 {
            group.addTask { try await client.get("Get", [UInt8(number)]).message.count }
          }
          for try await count in group { #expect(count == 1) }
        }
      }
    }
  }

  @Test func messagesBeyondTheLimitAreRefusedOnBothSides() async throws {
    var small = TransportLimits()
    small.messageSize = 1000
    let limits = small
    try await Harness.withServer { server in
      try await server.withClient(limits: limits) { client in
        let sent = await #expect(throws: RPCError.self) {
          try await client.get("Get", Array(repeating: 0, count: 1001)).message
        }
        #expect(sent?.code == .resourceExhausted)
        let received = await #expect(throws: RPCError.self) {
          try await client.expand("Expand", Array("1 1001".utf8)) { response in
            for try await _ in response.messages {}
          }
        }
        #expect(received?.code == .resourceExhausted)
        let echoed = try await client.get("Get", [1]).message
        #expect(echoed == [1])
      }
    }
  }
}
