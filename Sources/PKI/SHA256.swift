import COpenSSL

/// SHA-256 of FIPS 180-4, by OpenSSL.
package enum SHA256 {
  /// The digest in lower-case hexadecimal.
  package static func hexadecimal(_ bytes: [UInt8]) -> String {
    OpenSSL.prepare()
    var digest = [UInt8](repeating: 0, count: 32)
    let ok = EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
    precondition(ok == 1, "SHA-256 is always there")
    let digits = Array("0123456789abcdef".utf8)
    let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
