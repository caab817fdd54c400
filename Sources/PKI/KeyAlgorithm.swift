import COpenSSL

/// The kinds of keys we make. The first is the default: every TLS 1.3 peer must have it, and it is
/// the fastest to sign and verify with.
package enum KeyAlgorithm: String, CaseIterable, Hashable, Sendable {
  case p256
  case p384
  case ed25519

  func generate() throws(PKIError) -> Key {
    OpenSSL.prepare()
    let pointer =
      switch self {
      case .p256: copenssl_generate_ec("P-256")
      case .p384: copenssl_generate_ec("P-384")
      case .ed25519: copenssl_generate_ed25519()
      }
    return Key(owning: try require("generate a key (\(self.rawValue))", pointer))
  }
}

enum OpenSSL {
  /// Done once, before anything else: the system's openssl.cnf must not change what we make.
  private static let prepared: Bool =
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil) == 1

  static func prepare() {
    _ = self.prepared
  }
}
