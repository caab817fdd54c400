/// Why a handshake came to nothing, in one word to count by; its sentence has the details.
package enum HandshakeFault: String, CaseIterable, Hashable, Sendable {
  case noCertificate = "no_certificate"
  case unknownAuthority = "unknown_authority"
  case expired, revoked
  case notYetValid = "not_yet_valid"
  /// The extended key usage, or an authority's certificate in a client's place.
  case wrongUse = "wrong_use"
  /// A key or a digest below what is accepted.
  case weak
  /// The revocation list has run out, or there is none of this authority.
  case revocationList = "revocation_list"
  /// Something else about the certificate.
  case certificate
  case protocolVersion = "protocol_version"
  case notTLS = "not_tls"
  case noHTTP2 = "no_http2"
  /// The peer refused us, and said so.
  case refusedByPeer = "refused_by_peer"
  /// The peer went away.
  case cut
  case timeout, crowded, shutdown, other
}
