import COpenSSL
import Linux

/// One TLS connection without a socket: records in, records out. Confined to a loop.
///
/// OpenSSL reads and writes through two ends of a BIO of ours: it reads from `incoming`, which is
/// only set while `receive` runs, and writes to the loop's shared buffer of records. So a
/// connection at rest holds no buffer; standard memory BIOs would keep their largest size.
final class TLSStream {
  enum HandshakeProgress: Hashable { case waiting, done }
  enum ReadProgress: Hashable { case waiting, ended }

  let role: TLSContext.Role
  let ssl: OpaquePointer
  private let records: OutputBuffer
  private var incoming = UnsafeRawBufferPointer(start: nil, count: 0)
  private var keyUpdates = 0

  /// `serverName`: what the server's certificate must be for, on a client.
  init(
    _ context: TLSContext, records: OutputBuffer, serverName: String? = nil
  ) throws(TLSFailure) {
    guard let ssl = context.makeConnection() else { throw TLSFailure(OpenSSL.takeErrorText()) }
    self.role = context.role
    self.ssl = ssl
    self.records = records
    try self.attach()
    self.countKeyUpdates()
    switch context.role {
    case .server: SSL_set_accept_state(ssl)
    case .client:
      SSL_set_connect_state(ssl)
      if let serverName { try self.expect(serverName) }
    }
  }

  deinit { SSL_free(self.ssl) }

  // MARK: Handshake

  /// Goes as far as the records in `bytes` allow.
  func handshake(_ bytes: UnsafeRawBufferPointer) throws(TLSFailure) -> HandshakeProgress {
    self.incoming = bytes
    OpenSSL.clearErrors()
    let result = SSL_do_handshake(self.ssl)
    guard result != 1 else {
      try self.checkProtocol()
      return .done
    }
    let code = SSL_get_error(self.ssl, result)
    if code == SSL_ERROR_WANT_READ { return .waiting }
    throw TLSFailure.last(self.ssl, role: self.role, code: code)
  }

  /// Of the peer's verified certificate; nil before the handshake is done.
  func peerIdentity() -> PeerIdentity? {
    guard let certificate = SSL_get0_peer_certificate(self.ssl) else { return nil }
    return PeerIdentity(certificate: certificate)
  }

  /// Whether the peer's certificate would be accepted in a handshake with `context`.
  func isPeerAccepted(by context: TLSContext) -> Bool {
    guard let certificate = SSL_get0_peer_certificate(self.ssl) else { return false }
    return context.accepts(certificate, chain: SSL_get_peer_cert_chain(self.ssl))
  }

  // MARK: Data

  /// What `handshake` or `receive` was given and has not used.
  var unread: UnsafeRawBufferPointer { self.incoming }

  /// Decrypts `bytes` and hands on each piece. `buffer` takes one record.
  func receive(
    _ bytes: UnsafeRawBufferPointer, buffer: UnsafeMutableRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) -> Bool
  ) throws(TLSFailure) -> ReadProgress {
    self.incoming = bytes
    defer { self.incoming = UnsafeRawBufferPointer(start: nil, count: 0) }
    while true {
      OpenSSL.clearErrors()
      let count = SSL_read(self.ssl, buffer.baseAddress, CInt(buffer.count))
      if count > 0 {
        guard body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])) else { return .ended }
        continue
      }
      switch SSL_get_error(self.ssl, count) {
      case SSL_ERROR_WANT_READ: return .waiting
      case SSL_ERROR_ZERO_RETURN: return .ended
      case let code: throw TLSFailure.last(self.ssl, role: self.role, code: code)
      }
    }
  }

  /// How often the peer has changed its keys since the last call, RFC 8446 4.6.3. OpenSSL sets no bound,
  /// and each costs us a derivation for a record of 27 bytes.
  func takeKeyUpdates() -> Int {
    defer { self.keyUpdates = 0 }
    return self.keyUpdates
  }

  /// Encrypts all of `bytes` into the loop's records.
  func send(_ bytes: UnsafeRawBufferPointer) throws(TLSFailure) {
    guard !bytes.isEmpty else { return }
    OpenSSL.clearErrors()
    let count = SSL_write(self.ssl, bytes.baseAddress, CInt(bytes.count))
    if count == CInt(bytes.count) { return }
    throw TLSFailure.last(self.ssl, role: self.role, code: SSL_get_error(self.ssl, count))
  }

  /// Adds the alert close_notify, RFC 8446 6.1.
  func sendClose() {
    OpenSSL.clearErrors()
    _ = SSL_shutdown(self.ssl)  // 0: the peer's own is not waited for
    OpenSSL.clearErrors()
  }

  // MARK: Set-up

  private func expect(_ name: String) throws(TLSFailure) {
    let parameters = SSL_get0_param(self.ssl)
    if IPEndpoint(host: name, port: 0) != nil {
      let bare = name.prefix { $0 != "%" }  // a zone is ours, not the certificate's
      guard X509_VERIFY_PARAM_set1_ip_asc(parameters, String(bare)) == 1 else {
        throw TLSFailure("'\(name)' is no address that a certificate can be for")
      }
      return
    }
    let flags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
    X509_VERIFY_PARAM_set_hostflags(parameters, flags)
    guard X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1,
      copenssl_set_server_name(self.ssl, name) == 1
    else { throw TLSFailure("'\(name)' is no name that a certificate can be for") }
  }

  private func checkProtocol() throws(TLSFailure) {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(self.ssl, &name, &count)
    let chosen = UnsafeBufferPointer(start: name, count: Int(count))
    if chosen.elementsEqual("h2".utf8) { return }
    throw TLSFailure("the peer does not speak HTTP/2 (no ALPN h2)", .noHTTP2)
  }

  private func countKeyUpdates() {
    SSL_set_msg_callback(self.ssl) { isWritten, _, type, message, size, ssl, _ in
      guard isWritten == 0, type == SSL3_RT_HANDSHAKE, size > 0,
        message?.load(as: UInt8.self) == UInt8(SSL3_MT_KEY_UPDATE)
      else { return }
      TLSStream.of(SSL_get_rbio(ssl))?.keyUpdates += 1
    }
  }

  // MARK: The BIO

  private func attach() throws(TLSFailure) {
    guard let bio = BIO_new(Self.method) else { throw TLSFailure(OpenSSL.takeErrorText()) }
    // Unretained: the BIO belongs to `ssl`, which this object frees at its end.
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    BIO_set_init(bio, 1)
    SSL_set_bio(self.ssl, bio, bio)
  }

  private static func of(_ bio: OpaquePointer?) -> TLSStream? {
    BIO_get_data(bio).map { Unmanaged<TLSStream>.fromOpaque($0).takeUnretainedValue() }
  }

  // nonisolated(unsafe): made once, never changed after.
  nonisolated(unsafe) private static let method: OpaquePointer? = {
    let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop")
    BIO_meth_set_write(method) { bio, data, count in
      guard let stream = TLSStream.of(bio), let data, count > 0 else { return 0 }
      stream.records.append(UnsafeRawBufferPointer(start: data, count: Int(count)))
      return count
    }
    BIO_meth_set_read(method) { bio, data, count in
      guard let stream = TLSStream.of(bio), let data, count > 0 else { return 0 }
      return stream.take(UnsafeMutableRawBufferPointer(start: data, count: Int(count)), bio)
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()

  private func take(_ target: UnsafeMutableRawBufferPointer, _ bio: OpaquePointer?) -> CInt {
    let count = min(target.count, self.incoming.count)
    guard count > 0 else {
      copenssl_retry_read(bio)
      return -1
    }
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: self.incoming[..<count]))
    self.incoming = UnsafeRawBufferPointer(rebasing: self.incoming[count...])
    return CInt(count)
  }
}
