import COpenSSL
import Glibc

/// The settings and keys that the connections of one side share: an `SSL_CTX`.
///
/// TLS 1.3 only, both sides verified, no tickets, no resumption, ALPN `h2` required.
final class TLSContext: @unchecked Sendable {
  // @unchecked: an SSL_CTX is not changed after init, and SSL_new may be called from any thread
  // ("locks its reference count", openssl-threads(7)).

  enum Role: Hashable { case server, client }

  let role: Role
  private let context: OpaquePointer
  private let trust: Trust

  init(_ configuration: TLSConfiguration, role: Role) throws(TLSConfigurationError) {
    if role == .client { OpenSSL.clientTables } else { OpenSSL.initialize() }
    OpenSSL.clearErrors()
    guard let context = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method())
    else { throw TLSConfigurationError(subject: "SSL_CTX_new", reason: OpenSSL.takeErrorText()) }
    self.role = role
    self.context = context
    do throws(TLSConfigurationError) {
      self.trust = try TrustFiles.load(configuration, into: SSL_CTX_get_cert_store(context))
    } catch {
      SSL_CTX_free(context)  // before all is set there is no deinit
      throw error
    }
    try self.setProtocol()
    try self.setIdentity(configuration)
    self.setVerification()
    self.setApplicationProtocol()
  }

  deinit { SSL_CTX_free(self.context) }

  var validity: TLSValidity {
    let certificate = SSL_CTX_get0_certificate(self.context)
    return TLSValidity(
      notBefore: PeerIdentity.seconds(X509_get0_notBefore(certificate)),
      notAfter: PeerIdentity.seconds(X509_get0_notAfter(certificate)),
      trust: self.trust, ownProblem: self.ownProblem)
  }

  func makeConnection() -> OpaquePointer? {
    OpenSSL.clearErrors()
    return SSL_new(self.context)
  }

  /// Verifies once more a certificate that another context has accepted, usage and all.
  func accepts(_ certificate: OpaquePointer, chain: OpaquePointer?) -> Bool {
    self.verdict(on: certificate, chain, of: self.role) == X509_V_OK
  }

  /// Why clients that trust the same authorities would refuse a server's certificate. What revocation
  /// lists say of it is left out: they are the clients' to have, and a list is no worse for it.
  private var ownProblem: String? {
    guard self.role == .server, let own = SSL_CTX_get0_certificate(self.context) else { return nil }
    let chain = copenssl_own_chain(self.context)
    let verdict = self.verdict(on: own, chain, of: .client, checksRevocation: false)
    return verdict == X509_V_OK ? nil : TLSFailure.reason(verdict, peer: "server")
  }

  /// What a side in this role makes of a certificate of the other: X509_V_OK, or why it is refused.
  private func verdict(
    on certificate: OpaquePointer, _ chain: OpaquePointer?, of role: Role,
    checksRevocation: Bool = true
  ) -> CInt {
    OpenSSL.clearErrors()
    defer { OpenSSL.clearErrors() }
    let store = X509_STORE_CTX_new()
    defer { X509_STORE_CTX_free(store) }
    let trusted = SSL_CTX_get_cert_store(self.context)
    guard X509_STORE_CTX_init(store, trusted, certificate, chain) == 1,
      X509_STORE_CTX_set_default(store, role == .server ? "ssl_client" : "ssl_server") == 1
    else { return X509_V_ERR_UNSPECIFIED }
    X509_STORE_CTX_set_depth(store, SSL_CTX_get_verify_depth(self.context))
    let parameters = X509_STORE_CTX_get0_param(store)
    X509_VERIFY_PARAM_set_auth_level(parameters, SSL_CTX_get_security_level(self.context))
    if !checksRevocation {
      X509_VERIFY_PARAM_clear_flags(parameters, UInt(X509_V_FLAG_CRL_CHECK))
    }
    X509_STORE_CTX_set_verify_cb(store, Self.verify(role))
    if X509_verify_cert(store) == 1 { return X509_V_OK }
    let error = X509_STORE_CTX_get_error(store)
    return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error
  }

  private func setProtocol() throws(TLSConfigurationError) {
    try self.set("TLS 1.3", copenssl_only_tls13(self.context))
    SSL_CTX_set_security_level(self.context, 2)
    // AES-128 first: the fastest here (measured), and no weaker than the certificates' curves.
    let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    try self.set("cipher suites", SSL_CTX_set_ciphersuites(self.context, suites))
    // The hybrid with ML-KEM exists from OpenSSL 3.5 on.
    if copenssl_set_groups(self.context, "X25519MLKEM768:X25519:P-256") == 0 {
      try self.set("key exchange groups", copenssl_set_groups(self.context, "X25519:P-256"))
    }
    let signatures = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519"
    try self.set("signatures", copenssl_set_signatures(self.context, signatures))
    copenssl_set_options(self.context)
    try self.set("tickets", SSL_CTX_set_num_tickets(self.context, 0))
    copenssl_no_session_cache(self.context)
    copenssl_set_mode(self.context)
    OpenSSL.clearErrors()
  }

  private func setIdentity(_ configuration: TLSConfiguration) throws(TLSConfigurationError) {
    let certificate = configuration.certificateChain
    _ = try PEMFile.read(certificate)
    guard SSL_CTX_use_certificate_chain_file(self.context, certificate) == 1 else {
      throw TLSConfigurationError(
        subject: certificate, reason: "holds no usable certificate: \(OpenSSL.takeErrorText())")
    }
    // A client is told of its own by the server, in the log there; nobody would tell a server.
    if self.role == .server, !Self.serves(SSL_CTX_get0_certificate(self.context)) {
      throw TLSConfigurationError(
        subject: certificate,
        reason: "is not for a server (extended key usage): no client would accept it; "
          + "make one with worker pki issue NAME --server")
    }
    let own = X509_get0_pubkey(SSL_CTX_get0_certificate(self.context))
    let algorithm = EVP_PKEY_get0_type_name(own).map { String(cString: $0) }
    let key = try PEMFile.readPrivateKey(configuration.privateKey, algorithm)
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(self.context, key) == 1,
      SSL_CTX_check_private_key(self.context) == 1
    else {
      OpenSSL.clearErrors()
      throw TLSConfigurationError(
        subject: configuration.privateKey, reason: "does not belong to \(certificate)")
    }
  }

  private static func serves(_ certificate: OpaquePointer?) -> Bool {
    X509_get_extension_flags(certificate) & UInt32(EXFLAG_XKUSAGE) != 0
      && X509_get_extended_key_usage(certificate) & UInt32(XKU_SSL_SERVER) != 0
  }

  private func setVerification() {
    let mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    SSL_CTX_set_verify(self.context, mode, Self.verify(self.role))
    SSL_CTX_set_verify_depth(self.context, 4)
  }

  private static func verify(
    _ role: Role
  ) -> @convention(c) (CInt, OpaquePointer?) -> CInt {
    switch role {
    case .server:
      return { ok, store in
        if TLSContext.isAccepted(ok, store, XKU_SSL_CLIENT) { return 1 }
        copenssl_hide_reason(store, TLSContext.reasonIndex)
        return 0
      }
    case .client:
      return { ok, store in TLSContext.isAccepted(ok, store, XKU_SSL_SERVER) ? 1 : 0 }
    }
  }

  /// Where a connection keeps why it refused a certificate.
  static let reasonIndex = copenssl_reason_index()

  private static func isAccepted(
    _ ok: CInt, _ store: OpaquePointer?, _ usage: CInt
  ) -> Bool {
    if ok == 1 { return Self.isLeafFit(store, usage) }
    // In a rotation there are two authorities, of which one may have taken nothing back yet.
    guard X509_STORE_CTX_get_error(store) == X509_V_ERR_UNABLE_TO_GET_CRL,
      copenssl_issuer_has_list(store) == 0
    else { return false }
    X509_STORE_CTX_set_error(store, X509_V_OK)
    return true
  }

  /// OpenSSL takes a certificate without extended key usage for any purpose, an authority's for a
  /// client's, and one whose key may sign nothing, which is all that it does in TLS 1.3; we do not.
  private static func isLeafFit(_ store: OpaquePointer?, _ usage: CInt) -> Bool {
    guard X509_STORE_CTX_get_error_depth(store) == 0 else { return true }
    let certificate = X509_STORE_CTX_get_current_cert(store)
    let flags = X509_get_extension_flags(certificate)
    guard flags & UInt32(EXFLAG_CA) == 0 else {
      X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_CA)
      return false
    }
    let hasUsage = flags & UInt32(EXFLAG_XKUSAGE) != 0
    // Without keyUsage all bits are set, see X509_get_key_usage(3).
    let maySign = X509_get_key_usage(certificate) & UInt32(KU_DIGITAL_SIGNATURE) != 0
    if hasUsage, maySign, X509_get_extended_key_usage(certificate) & UInt32(usage) != 0 {
      return true
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE)
    return false
  }

  private func setApplicationProtocol() {
    switch self.role {
    case .client:
      let wire: [UInt8] = [2, 0x68, 0x32]  // "h2" with its length, RFC 7301 3.1
      SSL_CTX_set_alpn_protos(self.context, wire, 3)
    case .server:
      SSL_CTX_set_client_hello_cb(
        self.context,
        { ssl, alert, _ in
          if let ssl, copenssl_hello_has_alpn(ssl) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
          alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
          return SSL_CLIENT_HELLO_ERROR
        }, nil)
      SSL_CTX_set_alpn_select_cb(self.context, TLSContext.selectProtocol, nil)
    }
  }

  private static let selectProtocol: SSL_CTX_alpn_select_cb_func = {
    _, chosen, chosenCount, offered, count, _ in
    guard let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    var at = 0
    while at < Int(count) {
      let length = Int(offered[at])
      let isH2 =
        length == 2 && at + 2 < Int(count) && offered[at + 1] == 0x68
        && offered[at + 2] == 0x32
      if isH2 {
        chosen?.pointee = offered + at + 1
        chosenCount?.pointee = 2
        return SSL_TLSEXT_ERR_OK
      }
      at += length + 1
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }

  private func set(_ what: String, _ result: CInt) throws(TLSConfigurationError) {
    if result != 1 { throw TLSConfigurationError(subject: what, reason: OpenSSL.takeErrorText()) }
  }
}
