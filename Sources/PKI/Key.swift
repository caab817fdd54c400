import COpenSSL

/// A key pair, or the public half of one. EVP_PKEY_free(3) zeroes the secret at the end.
final class Key {
  let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(self.pointer)
  }

  /// Reads a PEM file; one that others than its owner can read is refused.
  convenience init(file name: String, in folder: borrowing CertificateFolder) throws(PKIError) {
    OpenSSL.prepare()
    let path = folder.path(name)
    let bio = try folder.openSecret(name)
    // Without a callback OpenSSL would ask for the passphrase on the terminal.
    let pointer = PEM_read_bio_PrivateKey(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
    guard let pointer else {
      ERR_clear_error()
      throw PKIError(what: "read", path: path, reason: "holds no PEM key without a passphrase")
    }
    self.init(owning: pointer)
  }

  /// The private key in PKCS#8.
  func pem() throws(PKIError) -> Memory {
    let text = try Memory()
    try require(
      "encode a key",
      PEM_write_bio_PKCS8PrivateKey(text.pointer, self.pointer, nil, nil, 0, nil, nil))
    return text
  }

  /// As `KeyAlgorithm`, or nil for one we do not make.
  var algorithm: KeyAlgorithm? {
    if self.isA("ED25519") { return .ed25519 }
    guard self.isA("EC") else { return nil }
    return switch self.group {
    case "prime256v1": .p256
    case "secp384r1": .p384
    default: nil
    }
  }

  /// For people, as `p256` or `RSA 4096`.
  var summary: String {
    if let algorithm { return algorithm.rawValue }
    let type = EVP_PKEY_get0_type_name(self.pointer).map { String(cString: $0) } ?? "unknown"
    return "\(type) \(EVP_PKEY_get_bits(self.pointer))"
  }

  /// The digest to sign with: of the curve's own strength; Ed25519 has its digest built in.
  var digest: OpaquePointer? {
    switch self.algorithm {
    case .ed25519: nil
    case .p384: EVP_sha384()
    case .p256, nil: EVP_sha256()
    }
  }

  func isA(_ type: String) -> Bool {
    EVP_PKEY_is_a(self.pointer, type) == 1
  }

  private var group: String {
    var name = [CChar](repeating: 0, count: 64)
    var length = 0
    guard EVP_PKEY_get_group_name(self.pointer, &name, name.count, &length) == 1 else { return "" }
    return String(decoding: name.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension Key {
  /// Whether both have the same public half.
  func equals(_ other: Key) -> Bool {
    defer { ERR_clear_error() }
    return EVP_PKEY_eq(self.pointer, other.pointer) == 1
  }
}
