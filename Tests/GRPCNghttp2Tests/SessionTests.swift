import Testing

@testable import GRPCNghttp2

/// Two HTTP/2 sessions in memory, without sockets and TLS.
@Suite struct SessionTests {
  /// One side: what it received, and what it has to send.
  final class Side: SessionEvents {
    var session: Session?
    var headers: [HeaderList] = []
    var tooLarge = false
    var data: [UInt8] = []
    var ended = false
    var closes: [UInt32] = []
    var goAways: [Int32] = []
    var refusals: [SessionError] = []
    var body: [UInt8]? = []
    var givesCredit = true

    init(isServer: Bool, limits: TransportLimits = TransportLimits()) throws {
      self.session = try Session(isServer: isServer, limits: limits, events: self)
    }

    func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool) {
      self.headers.append(headers)
      self.tooLarge = tooLarge
    }
    func received(data: UnsafeRawBufferPointer, stream: Int32) {
      self.data.append(contentsOf: data)
      self.session?.consumeConnection(data.count)
      if self.givesCredit { self.session?.consume(stream: stream, data.count) }
    }
    func receivedEnd(stream: Int32) { self.ended = true }
    func receivedSettings() {}
    func receivedGoAway(lastStream: Int32, error: UInt32) { self.goAways.append(lastStream) }
    func receivedPingAnswer(_ payload: UInt64) {}
    func closed(stream: Int32, error: UInt32) { self.closes.append(error) }
    func refused(stream: Int32, error: SessionError) { self.refusals.append(error) }
    func protocolError(_ text: String) {}

    func nextData(stream: Int32, limit: Int) -> DataChunk {
      guard let body = self.body else { return .failed }
      let count = min(limit, body.count)
      return .bytes(count, end: count == body.count ? .endStream : .open)
    }
    func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool {
      guard let body = self.body else { return false }
      body[..<count].withUnsafeBytes { buffer.append($0) }
      self.body?.removeFirst(count)
      return true
    }
  }

  /// Carries bytes both ways, `room` at a time, until neither side has any.
  private func exchange(_ one: Side, _ other: Side, room: Int = 1 << 18) throws {
    var moved = true
    while moved {
      moved = false
      for (from, to) in [(one, other), (other, one)] {
        let buffer = OutputBuffer(capacity: room)
        _ = try from.session?.send(into: buffer)
        if !buffer.isEmpty { moved = true }
        try to.session?.receive(buffer.bytes)
      }
    }
  }

  private let request = HeaderList([
    (":method", "POST"), (":scheme", "https"), (":path", "/a/b"), (":authority", "x"),
  ])

  @Test(arguments: [17_000, 40_000, 1 << 18]) func bodyPassesThroughBuffersOfAnySize(
    room: Int
  ) throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    let body = Pattern.message(number: 1, size: 3 << 20)
    client.body = body
    _ = try client.session?.submitRequest(self.request)
    try self.exchange(client, server, room: room)
    #expect(server.headers == [self.request])
    #expect(server.data == body)
    #expect(server.ended)
  }

  @Test func senderStopsAtTheWindowThatIsNotGivenBack() throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    server.givesCredit = false
    client.body = Array(repeating: 1, count: 3 << 20)
    _ = try client.session?.submitRequest(self.request)
    try self.exchange(client, server)
    #expect(server.data.count == TransportLimits().streamWindow)
    server.session?.consume(stream: 1, server.data.count)
    try self.exchange(client, server)
    #expect(server.data.count == 2 * TransportLimits().streamWindow)
  }

  /// A frame that did not fit waits; when its call is gone, what follows must still be in order.
  @Test func frameThatWaitsIsGivenUpWholeWithItsCall() throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    client.body = Array(repeating: 1, count: 100_000)
    let stream = try client.session?.submitRequest(self.request) ?? 0
    let buffer = OutputBuffer(capacity: 20_000)
    let isMore = try client.session?.send(into: buffer)
    #expect(isMore == true)
    try server.session?.receive(buffer.bytes)
    client.body = nil
    client.session?.reset(stream: stream, .cancel)
    try self.exchange(client, server)
    #expect(server.closes.count == 1)
    client.body = [1, 2, 3]
    server.data = []
    _ = try client.session?.submitRequest(self.request)
    try self.exchange(client, server)
    #expect(server.data == [1, 2, 3])
  }

  @Test func headersBeyondTheLimitAreNotKept() throws {
    var limits = TransportLimits()
    limits.headerListSize = 400
    let (client, server) = (
      try Side(isServer: false), try Side(isServer: true, limits: limits)
    )
    var large = self.request
    for number in 0..<10 { large.append("key-\(number)", "value") }
    _ = try client.session?.submitRequest(large)
    try self.exchange(client, server)
    #expect(server.tooLarge)
    #expect(server.headers[0].size <= 400)
  }

  @Test func shutdownIsAnnouncedThenSaid() throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    _ = try client.session?.submitRequest(self.request)
    try self.exchange(client, server)
    server.session?.announceShutdown()
    try self.exchange(client, server)
    server.session?.goAway(.none)
    try self.exchange(client, server)
    #expect(client.goAways == [.max, 1])
  }

  @Test func headersThatAreTooLargeAreReported() throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    var large = self.request
    large.append("key", String(repeating: "x", count: 70_000))
    _ = try client.session?.submitRequest(large)
    try self.exchange(client, server)
    #expect(client.refusals.map(\.isTooLarge) == [true])
    #expect(client.refusals.map(\.isOfConnection) == [false])
    #expect(client.session?.mayRequest == true)
  }

  @Test func requestsAfterGoAwayAreReported() throws {
    let (client, server) = (try Side(isServer: false), try Side(isServer: true))
    server.session?.goAway(.none)
    try self.exchange(server, client)
    #expect(client.session?.mayRequest == false)
    _ = try? client.session?.submitRequest(self.request)
    try self.exchange(client, server)
    #expect(client.refusals.map(\.isOfConnection).allSatisfy { $0 })
    #expect(server.headers.isEmpty)
  }
}
