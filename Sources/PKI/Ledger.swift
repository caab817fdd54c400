/// `issued/SERIAL.crt`: a copy of every certificate the authority signed.
enum Ledger {
  static func fileName(_ certificate: Certificate) -> String {
    "\(FileName.issued)/\(certificate.serial).crt"
  }

  /// What `authority` signed, by its own account. Copies that are damaged or of another authority
  /// (from before an `init --force`) prove nothing and are passed over.
  static func certificates(
    of authority: Certificate, in folder: borrowing CertificateFolder
  ) throws(PKIError) -> [Certificate] {
    var all: [Certificate] = []
    for name in try folder.names(endingIn: ".crt", in: FileName.issued) {
      let file = "\(FileName.issued)/\(name)"
      guard let certificate = try? Certificate(file: file, in: folder) else { continue }
      if certificate.isSigned(by: authority) { all.append(certificate) }
    }
    return all
  }
}
