import CNghttp2
import Linux

/// One HTTP/2 connection without a socket, see RFC 9113: bytes in, bytes out, by libnghttp2.
///
/// Confined to a loop. Windows are given back by hand, as the application consumes. Frames are
/// pulled into a buffer of the caller; DATA goes from the stream's queue into it in one copy.
final class Session {
  private let session: OpaquePointer
  let isServer: Bool
  let limits: TransportLimits
  /// Owns the session. Unowned, as it outlives it: `events` is asked from inside nghttp2 only.
  unowned let events: any SessionEvents
  private(set) var isReceiving = false

  // What is being received or sent right now, for the callbacks.
  var fields = HeaderList()
  var fieldsTooLarge = false
  /// The number of the list of fields that has begun and not ended.
  var headersInProgress: Int?
  var headersBegun = 0
  /// Of that list, with what is not kept.
  var headersSize = 0
  /// Of a server's client; and the time of the bytes that are being received.
  private var guardian: FloodGuard?
  private var receivedAt: Int64 = 0
  /// Why a callback of ours ended the session.
  var offence: String?
  var output: OutputBuffer?

  init(
    isServer: Bool, limits: TransportLimits, events: any SessionEvents
  ) throws(SessionError) {
    var options: OpaquePointer?
    nghttp2_option_new(&options)
    defer { nghttp2_option_del(options) }
    Self.setOptions(options, limits)
    var made: OpaquePointer?
    let code =
      isServer
      ? nghttp2_session_server_new2(&made, SessionCallbacks.shared, nil, options)
      : nghttp2_session_client_new2(&made, SessionCallbacks.shared, nil, options)
    guard code == 0, let made else { throw SessionError(code) }
    self.session = made
    self.isServer = isServer
    self.limits = limits
    self.events = events
    if isServer, limits.uselessFrames.perSecond > 0 {
      self.guardian = FloodGuard(limits.uselessFrames, now: Clock.monotonic())
    }
    nghttp2_session_set_user_data(made, Unmanaged.passUnretained(self).toOpaque())
    try self.submitSettings(isServer: isServer)
  }

  deinit { nghttp2_session_del(self.session) }

  private static func setOptions(_ options: OpaquePointer?, _ limits: TransportLimits) {
    nghttp2_option_set_no_auto_window_update(options, 1)
    nghttp2_option_set_no_closed_streams(options, 1)
    nghttp2_option_set_max_outbound_ack(options, 1000)
    // Until the server's SETTINGS have come one request is sent, and the others wait: more could
    // be over its limit, and would be refused.
    nghttp2_option_set_peer_max_concurrent_streams(options, 1)
    // Rapid reset, CVE-2023-44487: a bucket of this size that refills at a rate a second.
    nghttp2_option_set_stream_reset_rate_limit(
      options, UInt64(limits.resetBurst), UInt64(limits.resetsPerSecond))
  }

  private func submitSettings(isServer: Bool) throws(SessionError) {
    let limits = self.limits
    var settings = [
      Self.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
      Self.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListSize),
    ]
    if isServer {
      settings.append(
        Self.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streamsPerConnection))
      // Priorities of RFC 7540, which nobody uses, are work for nothing: RFC 9218 2.1.
      settings.append(Self.setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1))
    } else {
      settings.append(Self.setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
    }
    try self.check(nghttp2_submit_settings(self.session, 0, settings, settings.count))
    try self.check(
      nghttp2_session_set_local_window_size(
        self.session, 0, 0, Int32(clamping: limits.connectionWindow)))
  }

  private static func setting(
    _ id: nghttp2_settings_id, _ value: Int
  ) -> nghttp2_settings_entry {
    nghttp2_settings_entry(
      settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
  }

  // MARK: Bytes

  /// Takes all of `bytes`, which calls `events`.
  func receive(_ bytes: UnsafeRawBufferPointer) throws(SessionError) {
    self.isReceiving = true
    defer { self.isReceiving = false }
    if self.guardian != nil { self.receivedAt = Clock.monotonic() }
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    let count = nghttp2_session_mem_recv(self.session, data, bytes.count)
    self.guardian?.arrived(bytes.count, now: self.receivedAt)
    guard count == bytes.count else { throw SessionError(CInt(clamping: count)) }
  }

  /// Fills `buffer` with frames until it is full or there are none; whether there may be more.
  func send(into buffer: OutputBuffer) throws(SessionError) -> Bool {
    self.output = buffer
    self.outputIsFull = false
    defer { self.output = nil }
    // Only while a whole frame fits, so that the buffer never grows.
    while buffer.room >= Self.largestFrame {
      var data: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(self.session, &data)
      if count < 0 { throw SessionError(CInt(clamping: count)) }
      if count == 0 { return self.outputIsFull }
      buffer.append(UnsafeRawBufferPointer(start: data, count: count))
    }
    return true
  }

  /// A frame's header and payload, RFC 9113 4.1 and 4.2.
  private static let largestFrame = 9 + (16 << 10)

  /// Set by the callback for a DATA frame that did not fit.
  var outputIsFull = false

  /// Neither reads nor writes any more: the connection can be closed.
  var isFinished: Bool {
    nghttp2_session_want_read(self.session) == 0 && nghttp2_session_want_write(self.session) == 0
  }

  /// Whether a client may still make requests: no GOAWAY has come, and numbers are left.
  var mayRequest: Bool { nghttp2_session_check_request_allowed(self.session) != 0 }

  var wantsToSend: Bool { nghttp2_session_want_write(self.session) != 0 }

  // MARK: Floods

  var isFlooded: Bool { self.guardian?.isFlooded == true }

  func frameBegan(type: UInt8, length: Int, flags: UInt8) {
    self.guardian?.received(type: type, length: length, flags: flags, now: self.receivedAt)
  }

  /// The peer has changed the keys of its side of TLS so often; nothing else may have come with it.
  func renewedKeys(_ times: Int) {
    guard times > 0, self.guardian != nil else { return }
    self.guardian?.renewedKeys(times, now: Clock.monotonic())
  }

  /// The peer broke the protocol, or asked for what is none of it.
  func offended() { self.guardian?.offended(now: self.receivedAt) }
  /// Bytes of DATA went either way.
  func moved(_ bytes: Int) { self.guardian?.moved(bytes) }
  /// A message was received whole, or a call was answered.
  func completed() { self.guardian?.completed() }

  // MARK: Streams

  /// Sends a request whose body `nextData` gives; the new stream's number.
  func submitRequest(_ headers: HeaderList) throws(SessionError) -> Int32 {
    var provider = SessionCallbacks.provider
    let session = self.session
    let id = headers.withFields { fields, count in
      nghttp2_submit_request(session, nil, fields, count, &provider, nil)
    }
    if id < 0 { throw SessionError(id) }
    return id
  }

  /// Answers a request; `body`: `nextData` gives one, else this is all of the answer.
  func submitResponse(_ headers: HeaderList, stream: Int32, body: Bool) throws(SessionError) {
    var provider = SessionCallbacks.provider
    let session = self.session
    let code = headers.withFields { fields, count in
      body
        ? nghttp2_submit_response(session, stream, fields, count, &provider)
        : nghttp2_submit_response(session, stream, fields, count, nil)
    }
    try self.check(code)
  }

  func submitTrailers(_ headers: HeaderList, stream: Int32) {
    let session = self.session
    // Fails when the stream is gone, and then nobody waits for them.
    _ = headers.withFields { nghttp2_submit_trailer(session, stream, $0, $1) }
  }

  func resume(stream: Int32) {
    _ = nghttp2_session_resume_data(self.session, stream)  // not deferred: nothing to do
  }

  func isOpen(_ stream: Int32) -> Bool {
    nghttp2_session_get_stream_local_close(self.session, stream) != -1
  }

  /// Whether the peer has ended its side.
  func isRemoteClosed(_ stream: Int32) -> Bool {
    nghttp2_session_get_stream_remote_close(self.session, stream) != 0
  }

  func reset(stream: Int32, _ error: HTTP2Error) {
    _ = nghttp2_submit_rst_stream(self.session, 0, stream, error.code)  // stream may be gone
  }

  // MARK: Windows

  /// Gives `count` received bytes back to the window of the stream, which may be gone.
  func consume(stream: Int32, _ count: Int) {
    _ = nghttp2_session_consume_stream(self.session, stream, count)
  }

  /// Gives `count` received bytes back to the window of the connection.
  func consumeConnection(_ count: Int) {
    _ = nghttp2_session_consume_connection(self.session, count)
  }

  // MARK: The connection

  func ping(_ payload: UInt64) {
    withUnsafeBytes(of: payload) {
      let bytes = $0.assumingMemoryBound(to: UInt8.self).baseAddress
      _ = nghttp2_submit_ping(self.session, 0, bytes)
    }
  }

  /// GOAWAY with the largest number: "I am about to", RFC 9113 6.8.
  func announceShutdown() { nghttp2_submit_shutdown_notice(self.session) }

  /// GOAWAY with the last request we took, or with `last`.
  func goAway(_ error: HTTP2Error, last: Int32? = nil) {
    let last = last ?? nghttp2_session_get_last_proc_stream_id(self.session)
    _ = nghttp2_submit_goaway(self.session, 0, last, error.code, nil, 0)
  }

  private func check(_ code: CInt) throws(SessionError) {
    if code != 0 { throw SessionError(code) }
  }
}

/// An error of libnghttp2, which ends the connection.
struct SessionError: Error, Hashable, CustomStringConvertible {
  let code: CInt

  init(_ code: CInt) { self.code = code }

  /// Whether the connection takes no more requests, so that another one may.
  var isOfConnection: Bool {
    [
      NGHTTP2_ERR_START_STREAM_NOT_ALLOWED, NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE,
      NGHTTP2_ERR_SESSION_CLOSING,
    ].contains { CInt($0.rawValue) == self.code }
  }

  /// Whether it is the headers that are too large.
  var isTooLarge: Bool { self.code == NGHTTP2_ERR_FRAME_SIZE_ERROR.rawValue }

  /// Whether the peer went beyond a limit that no proper one comes near.
  var isFlood: Bool {
    [
      NGHTTP2_ERR_FLOODED, NGHTTP2_ERR_TOO_MANY_CONTINUATIONS, NGHTTP2_ERR_TOO_MANY_SETTINGS,
      NGHTTP2_ERR_CALLBACK_FAILURE,
    ].contains { CInt($0.rawValue) == self.code }
  }

  var description: String {
    "HTTP/2: " + String(cString: nghttp2_strerror(self.code)).lowercased()
  }
}

/// Error codes of RFC 9113 7.
enum HTTP2Error: Hashable {
  case none, protocolError, internalError, refused, cancel, enhanceYourCalm

  var code: UInt32 {
    switch self {
    case .none: NGHTTP2_NO_ERROR.rawValue
    case .protocolError: NGHTTP2_PROTOCOL_ERROR.rawValue
    case .internalError: NGHTTP2_INTERNAL_ERROR.rawValue
    case .refused: NGHTTP2_REFUSED_STREAM.rawValue
    case .cancel: NGHTTP2_CANCEL.rawValue
    case .enhanceYourCalm: NGHTTP2_ENHANCE_YOUR_CALM.rawValue
    }
  }

  static func text(_ code: UInt32) -> String { String(cString: nghttp2_http2_strerror(code)) }
}
