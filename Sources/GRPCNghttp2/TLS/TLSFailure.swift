import COpenSSL

/// Why a TLS connection could not be made or went on no longer, in words for a person.
struct TLSFailure: Error, Hashable, CustomStringConvertible {
  let description: String
  let fault: HandshakeFault
  /// Whether it is our own certificate that the peer does not accept.
  let isOwnCertificate: Bool

  init(
    _ description: String, _ fault: HandshakeFault = .other, isOwnCertificate: Bool = false
  ) {
    self.description = description
    self.fault = fault
    self.isOwnCertificate = isOwnCertificate
  }
}

extension TLSFailure {
  /// Of the call on `ssl` that has just failed; takes the error queue.
  static func last(_ ssl: OpaquePointer, role: TLSContext.Role, code: CInt) -> TLSFailure {
    let error = OpenSSL.takeError()
    if code == SSL_ERROR_SYSCALL || error == 0 {
      return TLSFailure("the connection was cut", .cut)
    }
    let peer = role == .server ? "client" : "server"
    if copenssl_is_tls_alert(error) != 0 { return Self.alert(error, ssl, role: role) }
    switch ERR_GET_REASON(error) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return Self.verification(ssl, peer: peer)
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TLSFailure("the client sent no certificate", .noCertificate)
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return TLSFailure("the connection was cut", .cut)
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_VERSION_TOO_LOW,
      SSL_R_UNKNOWN_PROTOCOL, SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
      return TLSFailure("the \(peer) does not speak TLS 1.3", .protocolVersion)
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER:
      return TLSFailure("the \(peer) does not speak TLS", .notTLS)
    case SSL_R_CALLBACK_FAILED, SSL_R_NO_APPLICATION_PROTOCOL:
      return TLSFailure("the \(peer) does not offer HTTP/2 (ALPN h2)", .noHTTP2)
    default: return TLSFailure("TLS failed: \(OpenSSL.text(error))")
    }
  }

  private static func verification(_ ssl: OpaquePointer, peer: String) -> TLSFailure {
    let hidden = copenssl_hidden_reason(ssl, TLSContext.reasonIndex)
    let result = CInt(hidden == X509_V_OK ? SSL_get_verify_result(ssl) : hidden)
    return TLSFailure(
      "the \(peer)'s certificate is refused: \(Self.reason(result, peer: peer))",
      Self.fault(result))
  }

  /// Of a verification of the `peer`'s certificate that failed.
  static func reason(_ result: CInt, peer: String) -> String {
    switch result {
    case X509_V_ERR_INVALID_PURPOSE: "it may not be used as a \(peer)'s certificate"
    case X509_V_ERR_INVALID_CA: "it is an authority's and no \(peer)'s, or the reverse"
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
      "it is not of a certificate authority we trust"
    default: String(cString: X509_verify_cert_error_string(Int(result)))
    }
  }

  private static func fault(_ result: CInt) -> HandshakeFault {
    switch result {
    case X509_V_ERR_INVALID_PURPOSE, X509_V_ERR_INVALID_CA: .wrongUse
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
      .unknownAuthority
    case X509_V_ERR_CERT_HAS_EXPIRED: .expired
    case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
    case X509_V_ERR_CERT_REVOKED: .revoked
    case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK:
      .weak
    case X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_UNABLE_TO_GET_CRL,
      X509_V_ERR_CRL_SIGNATURE_FAILURE:
      .revocationList
    default: .certificate
    }
  }

  /// An alert of RFC 8446 6: the peer tells why it refused us.
  private static func alert(
    _ error: UInt, _ ssl: OpaquePointer, role: TLSContext.Role
  ) -> TLSFailure {
    let text = String(cString: copenssl_alert_text(error))
    let peer = role == .server ? "client" : "server"
    switch ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET {
    case SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED,
      SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
      SSL_AD_ACCESS_DENIED, SSL_AD_CERTIFICATE_REQUIRED:
      return TLSFailure(
        "the \(peer) refused our certificate: \(text)\(Self.ownFault(ssl))", .refusedByPeer,
        isOwnCertificate: true)
    default: return TLSFailure("the \(peer) ended the TLS connection: \(text)", .refusedByPeer)
    }
  }

  /// What we can see ourselves of why our certificate is refused; a server of ours does not say.
  private static func ownFault(_ ssl: OpaquePointer) -> String {
    guard let own = SSL_get_certificate(ssl) else { return "" }
    if X509_cmp_current_time(X509_get0_notAfter(own)) < 0 { return " (it has expired)" }
    if X509_cmp_current_time(X509_get0_notBefore(own)) > 0 { return " (it is not valid yet)" }
    return ""
  }
}
