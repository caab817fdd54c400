import COpenSSL
import GRPCCore
import Glibc
import Linux

@testable import GRPCNghttp2

/// One side of a connection, driven step by step by a test, that can do what no proper side does.
/// Blocks the thread that calls it.
final class RawPeer: SessionEvents, @unchecked Sendable {
  // @unchecked: each test uses its own, from one task.

  struct Answer {
    var headers: [HeaderList] = []
    var data: [UInt8] = []
    var ended = false
    var reset: UInt32?
  }

  struct Stuck: Error {}

  private(set) var answers: [Int32: Answer] = [:]
  private(set) var goAways: [Int32] = []
  private(set) var isEnded = false
  private(set) var hasSettings = false
  var givesCredit = true
  private var bodies: [Int32: (bytes: [UInt8], end: Bool)] = [:]
  /// Received together with the end of the handshake.
  private var early: [UInt8] = []
  private let socket: StreamSocket
  private let tls: TLSStream
  private let records = OutputBuffer(capacity: 1 << 16)
  private let frames = OutputBuffer(capacity: 1 << 16)
  private(set) var session: Session?

  /// A client that has sent its preface.
  static func connect(
    to address: SocketAddress, identity: String = "alice",
    limits: TransportLimits = TransportLimits(), speaksHTTP: Bool = true
  ) throws -> RawPeer {
    let socket = try StreamSocket(connectingTo: address.candidates[0])
    let context = try TLSContext(TestCertificates.shared.configuration(identity), role: .client)
    return try RawPeer(
      socket, context, serverName: "localhost", limits: limits, speaksHTTP: speaksHTTP)
  }

  /// A server for one connection.
  static func accept(
    _ listener: Listener, limits: TransportLimits = TransportLimits()
  ) throws -> RawPeer {
    try Self.wait(listener.socket.descriptor.rawValue, Int16(POLLIN))
    guard let (socket, _) = try listener.socket.accept() else { throw Stuck() }
    let context = try TLSContext(TestCertificates.shared.configuration("server"), role: .server)
    return try RawPeer(socket, context, serverName: nil, limits: limits)
  }

  private init(
    _ socket: StreamSocket, _ context: TLSContext, serverName: String?, limits: TransportLimits,
    speaksHTTP: Bool = true
  ) throws {
    self.socket = socket
    self.tls = try TLSStream(context, records: self.records, serverName: serverName)
    try self.handshake()
    guard speaksHTTP else { return }
    self.session = try Session(
      isServer: context.role == .server, limits: limits, events: self)
    try self.flush()
  }

  private func handshake() throws {
    var bytes: [UInt8] = []
    while true {
      let progress = try bytes.withUnsafeBytes {
        let progress = try self.tls.handshake($0)
        self.early = Array(self.tls.unread)
        return progress
      }
      try self.sendRecords()
      if progress == .done { return }
      bytes = try self.receive()
      if bytes.isEmpty { throw Stuck() }
    }
  }

  // MARK: Steps

  /// `body`: nil ends the request with its headers.
  func request(
    _ headers: [(String, String)], body: [UInt8]? = nil, end: Bool = true
  ) throws -> Int32 {
    guard let session = self.session else { throw Stuck() }
    let next = Int32(self.answers.count * 2 + 1)
    self.bodies[next] = (body ?? [], end)
    let id = try session.submitRequest(HeaderList(headers))
    self.answers[id] = Answer()
    try self.flush()
    return id
  }

  static func post(_ path: String, extra: [(String, String)] = []) -> [(String, String)] {
    [
      (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "localhost"),
      ("content-type", "application/grpc"), ("te", "trailers"),
    ] + extra
  }

  /// A message with its prefix.
  static func frame(_ message: [UInt8]) -> [UInt8] {
    let size = UInt32(message.count)
    return [0] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + message
  }

  func reset(_ stream: Int32) throws {
    self.session?.reset(stream: stream, .cancel)
    try self.flush()
  }

  func refuse(_ stream: Int32) throws {
    self.session?.reset(stream: stream, .refused)
    try self.flush()
  }

  /// As a server that has taken the requests up to `last`.
  func goAway(last: Int32) throws {
    self.session?.goAway(.none, last: last)
    try self.flush()
  }

  /// An answer that is a status only.
  func answer(_ stream: Int32, _ status: Status) throws {
    let headers = HeaderCoding.trailers(status, [:], only: true)
    try self.session?.submitResponse(headers, stream: stream, body: false)
    try self.flush()
  }

  /// Ends our side of the TCP connection.
  func shutdownWrite() { self.socket.shutdownWrite() }

  /// A DATA frame on stream 0, which RFC 9113 6.1 calls a connection error.
  func sendGarbage() throws {
    try self.send([0, 0, 1, 0, 0, 0, 0, 0, 0, 7])
  }

  /// Bytes that our own HTTP/2 knows nothing of.
  func send(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try self.tls.send($0) }
    try self.sendRecords()
  }

  /// A KeyUpdate, RFC 8446 4.6.3.
  func updateKeys(asking: Bool) throws {
    let kind = asking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
    guard SSL_key_update(self.tls.ssl, CInt(kind)) == 1, SSL_do_handshake(self.tls.ssl) == 1 else {
      throw Stuck()
    }
    try self.sendRecords()
  }

  /// Receives and answers until `isDone`, at most ten seconds.
  func pump(until isDone: (RawPeer) -> Bool) throws {
    while !isDone(self), !self.isEnded {
      let bytes = try self.receive()
      if bytes.isEmpty {
        self.isEnded = true
        return
      }
      var failure: SessionError?
      let progress = try bytes.withUnsafeBytes { bytes in
        try withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 16) { buffer in
          try self.tls.receive(bytes, buffer: buffer) { plain in
            do throws(SessionError) { try self.session?.receive(plain) } catch { failure = error }
            return failure == nil
          }
        }
      }
      if let failure { throw failure }
      if progress == .ended { self.isEnded = true }
      try self.flush()
    }
  }

  /// Until the peer closes.
  func pumpToEnd() throws { try self.pump { _ in false } }

  func pump(toEndOf stream: Int32) throws -> Answer {
    try self.pump { $0.answers[stream]?.ended == true || $0.answers[stream]?.reset != nil }
    return self.answers[stream] ?? Answer()
  }

  func flush() throws {
    var more = true
    while more {
      more = try self.session?.send(into: self.frames) ?? false
      try self.tls.send(self.frames.bytes)
      self.frames.removeAll()
      try self.sendRecords()
    }
  }

  private func sendRecords() throws {
    var rest = Array(self.records.bytes)
    self.records.removeAll()
    while !rest.isEmpty {
      switch rest.withUnsafeBytes({ self.socket.send($0) }) {
      case .bytes(let count): rest.removeFirst(count)
      case .wouldBlock: try Self.wait(self.socket.descriptor.rawValue, Int16(POLLOUT))
      case .ended: throw Stuck()
      case .failed(let error):
        // ENOTCONN: connect(2) has not finished.
        guard error.errno == ENOTCONN else { throw error }
        try Self.wait(self.socket.descriptor.rawValue, Int16(POLLOUT))
      }
    }
  }

  /// Empty at the end of the connection.
  private func receive() throws -> [UInt8] {
    if !self.early.isEmpty {
      defer { self.early = [] }
      return self.early
    }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      switch buffer.withUnsafeMutableBytes({ self.socket.receive($0) }) {
      case .bytes(let count): return Array(buffer[..<count])
      case .wouldBlock: try Self.wait(self.socket.descriptor.rawValue, Int16(POLLIN))
      case .ended, .failed: return []
      }
    }
  }

  private static func wait(_ descriptor: CInt, _ events: Int16) throws {
    var entry = pollfd(fd: descriptor, events: events, revents: 0)
    guard poll(&entry, 1, 10_000) == 1 else { throw Stuck() }
  }

  // MARK: SessionEvents

  func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool) {
    self.answers[stream, default: Answer()].headers.append(headers)
  }

  func received(data: UnsafeRawBufferPointer, stream: Int32) {
    self.answers[stream, default: Answer()].data.append(contentsOf: data)
    guard self.givesCredit else { return }
    self.session?.consume(stream: stream, data.count)
    self.session?.consumeConnection(data.count)
  }

  func receivedEnd(stream: Int32) { self.answers[stream, default: Answer()].ended = true }
  func receivedSettings() { self.hasSettings = true }
  func receivedGoAway(lastStream: Int32, error: UInt32) { self.goAways.append(lastStream) }
  func receivedPingAnswer(_ payload: UInt64) {}
  func closed(stream: Int32, error: UInt32) {
    if error != 0 { self.answers[stream, default: Answer()].reset = error }
  }
  func refused(stream: Int32, error: SessionError) {}
  func protocolError(_ text: String) {}

  func nextData(stream: Int32, limit: Int) -> DataChunk {
    guard let body = self.bodies[stream] else { return .bytes(0, end: .endStream) }
    let count = min(limit, body.bytes.count)
    if count == 0, !body.end { return .later }
    return .bytes(count, end: body.end && count == body.bytes.count ? .endStream : .open)
  }

  func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool {
    self.bodies[stream]?.bytes.withUnsafeBytes {
      buffer.append(UnsafeRawBufferPointer(rebasing: $0[..<count]))
    }
    self.bodies[stream]?.bytes.removeFirst(count)
    return true
  }
}
