import CNghttp2

/// The C callbacks of every session: they find the `Session` and speak to its `events`.
enum SessionCallbacks {
  // nonisolated(unsafe): made once, never changed after; nghttp2 copies it into each session.
  nonisolated(unsafe) static let shared: OpaquePointer? = {
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    Self.setReceiving(callbacks)
    Self.setSending(callbacks)
    return callbacks
  }()

  static var provider: nghttp2_data_provider {
    nghttp2_data_provider(source: nghttp2_data_source(), read_callback: Self.read)
  }

  private static func session(_ user: UnsafeMutableRawPointer?) -> Session? {
    // Unretained: the session's owner keeps it while nghttp2 runs.
    user.map { Unmanaged<Session>.fromOpaque($0).takeUnretainedValue() }
  }

  // MARK: Receiving

  private static func setReceiving(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
      guard let header = header?.pointee else { return 0 }
      Self.session(user)?.frameBegan(
        type: header.type, length: header.length, flags: header.flags)
      return 0
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, _, user in
      Self.session(user)?.beginHeaders()
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameCount, value, valueCount, _, user in
      let isBearable = Self.session(user)?.collect(
        UnsafeBufferPointer(start: name, count: nameCount),
        UnsafeBufferPointer(start: value, count: valueCount))
      return isBearable == false ? NGHTTP2_ERR_CALLBACK_FAILURE.rawValue : 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      if let frame, let session = Self.session(user) { session.received(frame) }
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, data, count, user in
      let bytes = UnsafeRawBufferPointer(start: data, count: count)
      Self.session(user)?.moved(count)
      Self.session(user)?.events.received(data: bytes, stream: stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, error, user in
      Self.session(user)?.events.closed(stream: stream, error: error)
      return 0
    }
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
      _, _, code, user in
      let text = String(cString: nghttp2_strerror(code))
      Self.session(user)?.headersInProgress = nil
      Self.session(user)?.events.protocolError(text)
      return 0
    }
  }

  // MARK: Sending

  private static func setSending(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_send_data_callback(callbacks) {
      _, frame, header, count, _, user in
      guard let session = Self.session(user), let output = session.output, let frame, let header
      else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
      guard output.room >= count + 9 else {
        session.outputIsFull = true
        return NGHTTP2_ERR_WOULDBLOCK.rawValue
      }
      return session.appendFrame(frame, header: header, count: count, to: output)
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
      if let frame { Self.session(user)?.sent(frame) }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) {
      _, frame, code, user in
      guard let frame else { return 0 }
      if frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) {
        Self.session(user)?.events.refused(
          stream: frame.pointee.hd.stream_id, error: SessionError(code))
      }
      return 0
    }
  }

  private static let read: nghttp2_data_source_read_callback = {
    _, stream, _, limit, flags, _, user in
    let failed = Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    guard let session = Self.session(user), let flags else { return failed }
    switch session.events.nextData(stream: stream, limit: limit) {
    case .later: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .failed: return failed
    case .bytes(let count, let end):
      flags.pointee = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
      if end != .open { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
      if end == .trailers { flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue }
      return count
    }
  }
}

extension Session {
  fileprivate func beginHeaders() {
    self.fields = HeaderList()
    self.fieldsTooLarge = false
    self.headersSize = 0
    self.headersBegun += 1
    self.headersInProgress = self.headersBegun
  }

  /// False: they are so many that the connection is not to be borne. A byte can stand for a field of
  /// 4 KiB (RFC 7541 2.3.3), so that the bytes that come are no bound.
  fileprivate func collect(
    _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    self.headersSize += name.count + value.count + 32
    guard self.headersSize <= self.limits.headerListSize else {
      self.fieldsTooLarge = true
      let isBearable = self.headersSize <= Self.bearableHeaders * self.limits.headerListSize
      if !isBearable { self.offence = "flood: a list of fields far beyond the limit" }
      return isBearable
    }
    // Bytes that are no text cannot be kept as they are, and altered they mislead.
    if let name = String(validating: name, as: UTF8.self),
      let value = String(validating: value, as: UTF8.self)
    {
      self.fields.append(name, value)
    } else {
      self.fields.count(name.count, value.count)
    }
    return true
  }

  /// Beyond so many times the limit a list is an attack and no mistake.
  private static let bearableHeaders = 16

  /// The nine bytes of a DATA frame's header, and its bytes.
  fileprivate func appendFrame(
    _ frame: UnsafePointer<nghttp2_frame>, header: UnsafePointer<UInt8>, count: Int,
    to output: OutputBuffer
  ) -> CInt {
    let start = output.count
    output.append(UnsafeRawBufferPointer(start: header, count: 9))
    let stream = frame.pointee.hd.stream_id
    if self.events.appendData(stream: stream, count: count, to: output) {
      self.moved(count)
      return 0
    }
    // The call was cancelled after its frame was begun: the frame is given up whole.
    output.truncate(to: start)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
  }

  /// A server that has answered before the request ended tells the client to stop sending,
  /// RFC 9113 8.1.
  fileprivate func sent(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    guard self.isServer, header.type == UInt8(NGHTTP2_HEADERS.rawValue),
      header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    else { return }
    self.completed()
    if self.isRemoteClosed(header.stream_id) { return }
    self.reset(stream: header.stream_id, .none)
  }

  fileprivate func received(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    let endStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    let isAck = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
    switch nghttp2_frame_type(UInt32(header.type)) {
    case NGHTTP2_HEADERS:
      self.headersInProgress = nil
      self.events.received(
        headers: self.fields, tooLarge: self.fieldsTooLarge, stream: header.stream_id,
        endStream: endStream)
      if endStream { self.events.receivedEnd(stream: header.stream_id) }
    case NGHTTP2_DATA where endStream: self.events.receivedEnd(stream: header.stream_id)
    case NGHTTP2_SETTINGS where !isAck: self.events.receivedSettings()
    case NGHTTP2_PING where isAck:
      let payload = withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
        $0.loadUnaligned(as: UInt64.self)
      }
      self.events.receivedPingAnswer(payload)
    case NGHTTP2_GOAWAY:
      let goAway = frame.pointee.goaway
      self.events.receivedGoAway(lastStream: goAway.last_stream_id, error: goAway.error_code)
    default: break
    }
  }
}

extension HeaderList {
  /// The fields as nghttp2 takes them; it copies them during the call.
  func withFields(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> CInt) -> CInt {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(self.size)
    for field in self.fields {
      bytes.append(contentsOf: field.name.utf8)
      bytes.append(contentsOf: field.value.utf8)
    }
    return bytes.withUnsafeMutableBufferPointer { buffer in
      var at = buffer.baseAddress
      return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: self.fields.count) {
        list in
        for (index, field) in self.fields.enumerated() {
          let (name, value) = (field.name.utf8.count, field.value.utf8.count)
          let entry = nghttp2_nv(
            name: at, value: at.map { $0 + name }, namelen: name, valuelen: value, flags: 0)
          list.initializeElement(at: index, to: entry)
          at = at.map { $0 + name + value }
        }
        return body(list.baseAddress, self.fields.count)
      }
    }
  }
}
