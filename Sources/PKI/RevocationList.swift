import COpenSSL
import Glibc

/// `ca.crl`: what its authority took back, RFC 5280 section 5.
final class RevocationList {
  let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    X509_CRL_free(self.pointer)
  }

  /// The lists of the folder: none, one, or in a rotation one of each authority. One that none of
  /// `authorities` signed is an error: going on without it would silently let the revoked in again.
  static func all(
    in folder: borrowing CertificateFolder, signedBy authorities: [Certificate]
  ) throws(PKIError) -> [RevocationList] {
    guard folder.exists(FileName.revocations) else { return [] }
    OpenSSL.prepare()
    let path = folder.path(FileName.revocations)
    let text = try Memory(copying: try folder.read(FileName.revocations))
    var all: [RevocationList] = []
    while let pointer = PEM_read_bio_X509_CRL(text.pointer, nil, { _, _, _, _ in -1 }, nil) {
      all.append(RevocationList(owning: pointer))
    }
    guard endOfPEM(), !all.isEmpty else {
      throw PKIError(what: "read", path: path, reason: "holds no PEM revocation list")
    }
    for list in all where !authorities.contains(where: { list.isSigned(by: $0) }) {
      throw PKIError(
        what: "verify", path: path, reason: "is not signed by the authority of this folder")
    }
    return all
  }

  /// An empty list of `issuer`.
  init(issuer: Certificate) throws(PKIError) {
    let what = "make a revocation list"
    self.pointer = try require(what, X509_CRL_new())
    try require(what, X509_CRL_set_version(self.pointer, 1))  // counted from 0: version 2
    try require(
      what, X509_CRL_set_issuer_name(self.pointer, X509_get_subject_name(issuer.pointer)))
    try require(
      what,
      copenssl_crl_add_extension(
        self.pointer, issuer.pointer, NID_authority_key_identifier, "keyid:always"))
  }

  func isSigned(by issuer: Certificate) -> Bool {
    defer { ERR_clear_error() }
    guard let key = X509_get0_pubkey(issuer.pointer) else { return false }
    return X509_NAME_cmp(
      X509_CRL_get_issuer(self.pointer), X509_get_subject_name(issuer.pointer)) == 0
      && X509_CRL_verify(self.pointer, key) == 1
  }

  func contains(_ certificate: Certificate) -> Bool {
    var entry: OpaquePointer?
    return X509_CRL_get0_by_cert(self.pointer, &entry, certificate.pointer) == 1
  }

  func add(_ certificate: Certificate, at now: Int64) throws(PKIError) {
    let what = "revoke a certificate"
    let entry = try require(what, X509_REVOKED_new())
    let time = ASN1_TIME_set(nil, time_t(now))
    defer { ASN1_TIME_free(time) }
    guard X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.pointer)) == 1,
      time != nil, X509_REVOKED_set_revocationDate(entry, time) == 1,
      X509_CRL_add0_revoked(self.pointer, entry) == 1
    else {
      X509_REVOKED_free(entry)
      throw .openSSL(what)
    }
  }

  /// Counts the list's number up and signs it.
  func sign(by key: Key, at now: Int64, until end: Int64) throws(PKIError) {
    let what = "sign a revocation list"
    let start = try require(what, ASN1_TIME_set(nil, time_t(now)))
    defer { ASN1_TIME_free(start) }
    try require(what, X509_CRL_set1_lastUpdate(self.pointer, start))
    let next = try require(what, ASN1_TIME_set(nil, time_t(end)))
    defer { ASN1_TIME_free(next) }
    try require(what, X509_CRL_set1_nextUpdate(self.pointer, next))
    try self.countUp()
    try require(what, X509_CRL_sort(self.pointer))
    try require(what, X509_CRL_sign(self.pointer, key.pointer, key.digest))
  }

  /// The number of the list, RFC 5280 section 5.2.3: it only ever grows.
  private func countUp() throws(PKIError) {
    var number: Int64 = 0
    if let old = X509_CRL_get_ext_d2i(self.pointer, NID_crl_number, nil, nil) {
      let integer = old.assumingMemoryBound(to: ASN1_INTEGER.self)
      defer { ASN1_INTEGER_free(integer) }
      try require("read a revocation list's number", ASN1_INTEGER_get_int64(&number, integer))
    }
    ERR_clear_error()
    let next = try require("allocate a number", ASN1_INTEGER_new())
    defer { ASN1_INTEGER_free(next) }
    try require("number a revocation list", ASN1_INTEGER_set_int64(next, number + 1))
    try require(
      "number a revocation list",
      X509_CRL_add1_ext_i2d(self.pointer, NID_crl_number, next, 0, UInt(X509V3_ADD_REPLACE)))
  }

  static func pem(_ lists: [RevocationList]) throws(PKIError) -> Memory {
    let text = try Memory()
    for list in lists {
      try require("encode a revocation list", PEM_write_bio_X509_CRL(text.pointer, list.pointer))
    }
    return text
  }
}
