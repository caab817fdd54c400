import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// A flood costs its sender the connection, and others nothing.
@Suite(.serialized) struct FloodTests {
  /// Floods are counted and not timed: nothing is forgiven with the time.
  private static var limits: TransportLimits {
    var limits = TransportLimits()
    limits.uselessFrames = RateLimit(perSecond: 1, burst: 500)
    return limits
  }

  /// Without a socket, as the bytes come.
  @Test(arguments: Flood.all) func floodIsSeen(flood: Flood) async throws {
    try await withTaskExecutorPreference(Harness.threads) {
      let server = try GRPCSide(limits: Self.limits)
      server.receive(Frames.preface + flood.opening)
      var rounds = 0
      while !server.isOver, rounds < 10_000 {
        server.receive(flood.round(rounds))
        rounds += 1
      }
      #expect(server.isOver)
    }
  }

  @Test(arguments: Flood.all) func floodEndsItsConnectionAndNoOther(flood: Flood) async throws {
    try await Harness.withServer(limits: Self.limits) { server in
      let other = try RawPeer.connect(to: server.address, identity: "bob")
      let attacker = try RawPeer.connect(to: server.address)
      try attacker.pump { $0.hasSettings }
      let events = server.events
      do {
        try attacker.send(flood.opening)
        var number = 0
        while !events.hasClosed {
          try attacker.send(flood.round(number))
          number += 1
        }
      } catch {
        // The server closed while we sent.
      }
      let end = await events.first { $0.isClosed }
      #expect(end.isFlood != flood.isError, "\(end)")
      let stream = try other.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
      #expect(try other.pump(toEndOf: stream).data == RawPeer.frame([1]))
    }
  }

  /// Below HTTP/2, where no frame is seen.
  @Test(arguments: [false, true]) func newKeysWithoutEndAreAFlood(asking: Bool) async throws {
    try await Harness.withServer(limits: Self.limits) { server in
      let attacker = try RawPeer.connect(to: server.address)
      try attacker.pump { $0.hasSettings }
      let events = server.events
      do {
        while !events.hasClosed { try attacker.updateKeys(asking: asking) }
      } catch {
        // The server closed while we sent.
      }
      guard case .flooded = await events.first({ $0.isClosed }) else {
        Issue.record("it was closed for something else")
        return
      }
    }
  }

  @Test func newKeysNowAndThenAreFine() async throws {
    try await Harness.withServer(limits: Self.limits) { server in
      let peer = try RawPeer.connect(to: server.address)
      try peer.pump { $0.hasSettings }
      for asking in [false, true, false, true] {
        try peer.updateKeys(asking: asking)
        let stream = try peer.request(RawPeer.post("/test.Echo/Get"), body: RawPeer.frame([1]))
        #expect(try peer.pump(toEndOf: stream).data == RawPeer.frame([1]))
      }
    }
  }

  @Test func floodingIdentityIsKeptOutForAWhileAndTold() async throws {
    try await Harness.withServer { server in
      let attacker = try RawPeer.connect(to: server.address)
      let pings = (0..<3000).flatMap { _ in
        Frames.frame(6, 1, 0, Array(repeating: 0, count: 8))
      }
      try attacker.send(pings)
      let event = await server.events.first { $0.isClosed }
      guard case .flooded(_, _, let who, let reason) = event else {
        Issue.record("\(event)")
        return
      }
      #expect(who == "'alice'" && reason == "flood: too many frames that serve nothing")
      let error = await #expect(throws: RPCError.self) {
        try await server.withClient { try await $0.get("Get", []).message }
      }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message.hasPrefix("'alice' flooded this server: connect again in") == true)
      let echoed = try await server.withClient("bob") { try await $0.get("Get", [1]).message }
      #expect(echoed == [1])
    }
  }
}

extension TransportEvent {
  var isFlood: Bool {
    if case .flooded = self { true } else { false }
  }

  var isClosed: Bool {
    switch self {
    case .connectionClosed, .flooded: true
    default: false
    }
  }
}

extension EventLog {
  var hasClosed: Bool { self.all.contains { $0.isClosed } }
}
