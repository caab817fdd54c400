import COpenSSL

/// One entry of a subjectAltName, RFC 5280 section 4.2.1.6.
enum SubjectName: Hashable {
  case uri(String)
  case host(HostName)

  /// The entries of `certificate` that are of these kinds.
  static func all(in certificate: OpaquePointer) -> [SubjectName] {
    guard let raw = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
      ERR_clear_error()
      return []
    }
    let names = OpaquePointer(raw)
    defer { GENERAL_NAMES_free(names) }
    return (0..<copenssl_names_count(names)).compactMap { index in
      copenssl_names_at(names, index).flatMap(Self.init(reading:))
    }
  }

  private init?(reading name: UnsafePointer<GENERAL_NAME>) {
    var type: CInt = 0
    guard let value = GENERAL_NAME_get0_value(name, &type) else { return nil }
    let string = UnsafePointer(value.assumingMemoryBound(to: ASN1_STRING.self))
    let bytes = UnsafeBufferPointer(
      start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
    switch type {
    case GEN_URI: self = .uri(String(decoding: bytes, as: UTF8.self))
    case GEN_DNS: self = .host(.dns(String(decoding: bytes, as: UTF8.self)))
    case GEN_IPADD: self = .host(.address(Array(bytes)))
    default: return nil
    }
  }

  /// Adds the extension with `names` to `certificate`. Built from structures, not from OpenSSL's
  /// text form, in which a comma in a name would begin the next name.
  static func add(_ names: [SubjectName], to certificate: OpaquePointer) throws(PKIError) {
    let stack = try require("allocate names", GENERAL_NAMES_new())
    defer { GENERAL_NAMES_free(stack) }
    for name in names {
      let entry = try name.encoded()
      guard copenssl_names_push(stack, entry) == 1 else {
        GENERAL_NAME_free(entry)
        throw .openSSL("allocate names")
      }
    }
    try require(
      "encode names",
      X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(stack), 0, 0))
  }

  private func encoded() throws(PKIError) -> UnsafeMutablePointer<GENERAL_NAME> {
    switch self {
    case .uri(let uri): try Self.encode(GEN_URI, V_ASN1_IA5STRING, Array(uri.utf8))
    case .host(.dns(let name)): try Self.encode(GEN_DNS, V_ASN1_IA5STRING, Array(name.utf8))
    case .host(.address(let bytes)): try Self.encode(GEN_IPADD, V_ASN1_OCTET_STRING, bytes)
    }
  }

  private static func encode(
    _ type: CInt, _ stringType: CInt, _ bytes: [UInt8]
  ) throws(PKIError) -> UnsafeMutablePointer<GENERAL_NAME> {
    let string = try require("allocate a name", ASN1_STRING_type_new(stringType))
    guard ASN1_STRING_set(string, bytes, CInt(bytes.count)) == 1, let name = GENERAL_NAME_new()
    else {
      ASN1_STRING_free(string)
      throw .openSSL("allocate a name")
    }
    GENERAL_NAME_set0_value(name, type, string)  // owns the string from here on
    return name
  }
}
