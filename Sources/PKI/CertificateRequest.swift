import COpenSSL

/// A PKCS#10 request (RFC 2986) of somebody who keeps the private key. Nothing but the public key is
/// taken from it: who they are and what they may do is for the authority to say.
struct CertificateRequest {
  let key: Key

  init(file path: String) throws(PKIError) {
    OpenSSL.prepare()
    let text = try Memory(copying: try RegularFile(path: path).content())
    guard let request = PEM_read_bio_X509_REQ(text.pointer, nil, { _, _, _, _ in -1 }, nil) else {
      ERR_clear_error()
      throw PKIError(what: "read", path: path, reason: "holds no PEM certificate request")
    }
    defer { X509_REQ_free(request) }
    self.key = Key(
      owning: try require("read the key of", path: path, X509_REQ_get_pubkey(request)))
    // Proof that whoever asks has the private key.
    guard X509_REQ_verify(request, self.key.pointer) == 1 else {
      ERR_clear_error()
      throw PKIError(
        what: "verify", path: path, reason: "its signature does not fit the key it asks for")
    }
    if let reason = self.key.weakness {
      throw PKIError(what: "use the key of", path: path, reason: reason)
    }
  }
}

extension Key {
  /// Why we do not certify this public key, or nil.
  var weakness: String? {
    let wanted = "use P-256, P-384, Ed25519, or RSA with 2048 to 8192 bits"
    if self.isA("RSA") {
      let bits = EVP_PKEY_get_bits(self.pointer)
      return (2048...8192).contains(bits) ? nil : "RSA with \(bits) bits is refused, \(wanted)"
    }
    guard self.algorithm != nil else { return "\(self.summary) is refused, \(wanted)" }
    return nil
  }
}
