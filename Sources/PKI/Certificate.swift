import COpenSSL
import Glibc

/// An X.509 certificate, and what we read from it.
final class Certificate {
  let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    X509_free(self.pointer)
  }

  /// All certificates of a PEM file, at least one.
  static func all(inFile name: String, of folder: borrowing CertificateFolder) throws(PKIError)
    -> [Certificate]
  {
    let text = try Memory(copying: try folder.read(name))
    var all: [Certificate] = []
    while let pointer = PEM_read_bio_X509(text.pointer, nil, { _, _, _, _ in -1 }, nil) {
      all.append(Certificate(owning: pointer))
    }
    guard endOfPEM(), !all.isEmpty else {
      throw PKIError(what: "read", path: folder.path(name), reason: "holds no PEM certificate")
    }
    return all
  }

  /// The first certificate of a PEM file, which is the leaf by custom.
  convenience init(file name: String, in folder: borrowing CertificateFolder) throws(PKIError) {
    let all = try Self.all(inFile: name, of: folder)
    X509_up_ref(all[0].pointer)
    self.init(owning: all[0].pointer)
  }

  func pem() throws(PKIError) -> Memory {
    let text = try Memory()
    try require("encode a certificate", PEM_write_bio_X509(text.pointer, self.pointer))
    return text
  }

  /// The public key.
  func key() throws(PKIError) -> Key {
    Key(owning: try require("read a certificate's key", X509_get_pubkey(self.pointer)))
  }

  func matches(_ key: Key) -> Bool {
    defer { ERR_clear_error() }
    return X509_check_private_key(self.pointer, key.pointer) == 1
  }

  /// Whether `issuer` signed this: by names, identifiers and the signature itself.
  func isSigned(by issuer: Certificate) -> Bool {
    defer { ERR_clear_error() }
    guard X509_check_issued(issuer.pointer, self.pointer) == X509_V_OK,
      let key = X509_get0_pubkey(issuer.pointer)
    else { return false }
    return X509_verify(self.pointer, key) == 1
  }

  /// In upper-case hexadecimal, as `openssl x509 -serial` prints it.
  var serial: String {
    guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(self.pointer), nil) else {
      return ""
    }
    defer { BN_free(number) }
    guard let text = BN_bn2hex(number) else { return "" }
    defer { copenssl_free(text) }
    return String(cString: text)
  }

  var notBefore: Int64 { seconds(X509_get0_notBefore(self.pointer)) }
  var notAfter: Int64 { seconds(X509_get0_notAfter(self.pointer)) }

  /// Whether it may sign others.
  var isAuthority: Bool { X509_check_ca(self.pointer) == 1 }
  var isForClients: Bool { self.hasUsage(XKU_SSL_CLIENT) }
  var isForServers: Bool { self.hasUsage(XKU_SSL_SERVER) }

  private func hasUsage(_ usage: CInt) -> Bool {
    let usages = X509_get_extended_key_usage(self.pointer)
    return usages != UInt32.max && usages & UInt32(usage) != 0  // UInt32.max: has no such extension
  }

  var commonName: String { self.subject(NID_commonName).first ?? "" }
  /// The O fields, which are the roles.
  var organizations: [String] { self.subject(NID_organizationName) }
  var names: [SubjectName] { SubjectName.all(in: self.pointer) }

  var uris: [String] {
    self.names.compactMap { if case .uri(let uri) = $0 { uri } else { nil } }
  }

  var hosts: [HostName] {
    self.names.compactMap { if case .host(let host) = $0 { host } else { nil } }
  }

  private func subject(_ field: CInt) -> [String] {
    guard let name = X509_get_subject_name(self.pointer) else { return [] }
    var values: [String] = []
    var index = X509_NAME_get_index_by_NID(name, field, -1)
    while index >= 0 {
      if let entry = X509_NAME_get_entry(name, index) {
        values.append(text(X509_NAME_ENTRY_get_data(entry)))
      }
      index = X509_NAME_get_index_by_NID(name, field, index)
    }
    return values
  }
}

/// Seconds since 1970; the year 0 for what is no time, so that it counts as long past.
func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
  var parts = tm()
  guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else {
    ERR_clear_error()
    return -62_167_219_200
  }
  return Int64(timegm(&parts))
}

private func text(_ string: UnsafeMutablePointer<ASN1_STRING>?) -> String {
  var bytes: UnsafeMutablePointer<UInt8>?
  let count = ASN1_STRING_to_UTF8(&bytes, string)
  guard count >= 0, let bytes else {
    ERR_clear_error()
    return ""
  }
  defer { copenssl_free(bytes) }
  return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
}
