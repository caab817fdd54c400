import COpenSSL
import Glibc
import Linux

/// What a certificate shall say, before it is signed. RFC 5280 section 4.
struct CertificateTemplate {
  /// What it may be used for; a leaf has exactly one use.
  enum Usage: Hashable {
    case authority
    case server
    case user

    /// In the order of RFC 5280 section 4.2.1, as x509v3_config(5) writes them. The key identifiers
    /// come last: they look at what is in the certificate already.
    var extensions: [(nid: CInt, value: String)] {
      switch self {
      case .authority:
        [
          // pathlen 0: it signs leaves, and nobody below it becomes an authority.
          (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
          (NID_key_usage, "critical,keyCertSign,cRLSign"),
        ]
      case .server: Self.leaf + [(NID_ext_key_usage, "serverAuth")]
      case .user: Self.leaf + [(NID_ext_key_usage, "clientAuth")]
      }
    }

    private static let leaf: [(nid: CInt, value: String)] = [
      (NID_basic_constraints, "critical,CA:FALSE"),
      // TLS 1.3 only ever signs with the key.
      (NID_key_usage, "critical,digitalSignature"),
    ]
  }

  var usage: Usage
  var commonName: String
  var roles: [String] = []
  var names: [SubjectName]
  var notBefore: Int64
  var notAfter: Int64
  /// 128 random bits: nobody guesses the next, and none comes twice.
  var serial = Random.bytes(16)

  /// Certifies `subject`'s public half with `key`, whose certificate is `issuer` (nil: itself).
  func signed(subject: Key, issuer: Certificate?, key: Key) throws(PKIError) -> Certificate {
    let what = "make a certificate"
    let certificate = Certificate(owning: try require(what, X509_new()))
    let pointer = certificate.pointer
    try require(what, X509_set_version(pointer, 2))  // counted from 0: version 3
    try self.setSerial(of: pointer)
    try self.setTimes(of: pointer)
    try self.setSubject(of: pointer)
    let parent = issuer?.pointer ?? pointer
    try require(what, X509_set_issuer_name(pointer, X509_get_subject_name(parent)))
    try require(what, X509_set_pubkey(pointer, subject.pointer))
    for (nid, value) in self.usage.extensions {
      try require(what, copenssl_add_extension(pointer, parent, nid, value))
    }
    try SubjectName.add(self.names, to: pointer)
    try require(what, copenssl_add_extension(pointer, parent, NID_subject_key_identifier, "hash"))
    try require(
      what,
      copenssl_add_extension(pointer, parent, NID_authority_key_identifier, "keyid:always"))
    try require("sign a certificate", X509_sign(pointer, key.pointer, key.digest))
    return certificate
  }

  private func setSerial(of certificate: OpaquePointer) throws(PKIError) {
    let what = "make a serial number"
    let number = try require(what, BN_bin2bn(self.serial, CInt(self.serial.count), nil))
    defer { BN_free(number) }
    // An unsigned number, so DER puts a zero byte before a set top bit: always positive.
    let integer = try require(what, BN_to_ASN1_INTEGER(number, nil))
    defer { ASN1_INTEGER_free(integer) }
    try require(what, X509_set_serialNumber(certificate, integer))
  }

  private func setTimes(of certificate: OpaquePointer) throws(PKIError) {
    let what = "set a certificate's times"
    let start = try require(what, ASN1_TIME_set(nil, time_t(self.notBefore)))
    defer { ASN1_TIME_free(start) }
    let end = try require(what, ASN1_TIME_set(nil, time_t(self.notAfter)))
    defer { ASN1_TIME_free(end) }
    try require(what, X509_set1_notBefore(certificate, start))
    try require(what, X509_set1_notAfter(certificate, end))
  }

  private func setSubject(of certificate: OpaquePointer) throws(PKIError) {
    let fields = self.roles.map { (NID_organizationName, $0) } + [(NID_commonName, self.commonName)]
    let name = X509_get_subject_name(certificate)
    for (nid, value) in fields {
      let bytes = Array(value.utf8)
      try require(
        "set a certificate's subject",
        X509_NAME_add_entry_by_NID(
          name, nid, MBSTRING_UTF8, bytes, CInt(bytes.count), -1, 0))
    }
  }
}

/// Upper-case, two digits a byte, as OpenSSL prints serial numbers.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789ABCDEF")
  return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
