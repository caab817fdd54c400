import COpenSSL
import GRPCCore
import Glibc

/// What a peer's verified certificate says of it; reaches handlers by `context.transportSpecific`.
///
/// The transport has verified chain, validity and usage. What the names mean is not its business.
package struct PeerIdentity: ServerContext.TransportSpecific, Hashable, Sendable {
  /// CN of the subject.
  package let commonName: String?
  /// O fields of the subject, in order.
  package let organizations: [String]
  /// URIs of the subject alternative name, in order; those with bytes outside of printable ASCII,
  /// RFC 3986 2, are `?`: nobody's name, but counted, as two URIs are no identity either.
  package let uris: [String]
  /// Hexadecimal, upper case, as `openssl x509 -serial` prints it.
  package let serial: String
  /// Seconds since 1970.
  package let notAfter: Int64
  /// SHA-256 of the certificate's DER form, hexadecimal, lower case.
  package let fingerprint: String

  package init(
    commonName: String?, organizations: [String], uris: [String], serial: String,
    notAfter: Int64, fingerprint: String
  ) {
    self.commonName = commonName
    self.organizations = organizations
    self.uris = uris
    self.serial = serial
    self.notAfter = notAfter
    self.fingerprint = fingerprint
  }
}

extension PeerIdentity {
  /// Of an `X509`.
  init(certificate: OpaquePointer) {
    let subject = X509_get_subject_name(certificate)
    self.init(
      commonName: Self.entries(subject, NID_commonName).last,
      organizations: Self.entries(subject, NID_organizationName),
      uris: Self.uris(certificate),
      serial: Self.serial(certificate),
      notAfter: Self.seconds(X509_get0_notAfter(certificate)),
      fingerprint: Self.fingerprint(certificate))
  }

  private static func entries(_ name: OpaquePointer?, _ kind: CInt) -> [String] {
    var found: [String] = []
    var index: CInt = -1
    while true {
      index = X509_NAME_get_index_by_NID(name, kind, index)
      guard index >= 0 else { return found }
      let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index))
      var utf8: UnsafeMutablePointer<UInt8>?
      let count = ASN1_STRING_to_UTF8(&utf8, value)
      guard count >= 0, let utf8 else { continue }
      defer { copenssl_free(utf8) }
      found.append(
        String(decoding: UnsafeBufferPointer(start: utf8, count: Int(count)), as: UTF8.self))
    }
  }

  private static func uris(_ certificate: OpaquePointer) -> [String] {
    let names = copenssl_alternative_names(certificate)
    defer { GENERAL_NAMES_free(names) }
    var found: [String] = []
    for index in 0..<copenssl_name_count(names) {
      guard let uri = copenssl_uri(names, index) else { continue }
      guard let data = ASN1_STRING_get0_data(uri) else {
        found.append("?")
        continue
      }
      let bytes = UnsafeBufferPointer(start: data, count: Int(ASN1_STRING_length(uri)))
      // A NUL or a control byte in a name is how names are forged (CVE-2009-2408).
      let isPrintable = bytes.allSatisfy { (0x21...0x7e).contains($0) }
      found.append(isPrintable ? String(decoding: bytes, as: UTF8.self) : "?")
    }
    return found
  }

  private static func serial(_ certificate: OpaquePointer) -> String {
    let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil)
    defer { BN_free(number) }
    guard let text = BN_bn2hex(number) else { return "" }
    defer { copenssl_free(text) }
    return String(cString: text)
  }

  static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
    return Int64(timegm(&parts))
  }

  private static func fingerprint(_ certificate: OpaquePointer) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1 else { return "" }
    let digits = Array("0123456789abcdef".utf8)
    let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
