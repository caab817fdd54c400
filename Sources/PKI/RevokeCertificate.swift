/// What `revoke` did.
package struct Revocation: Sendable {
  /// The list to hand to the servers.
  package let listPath: String
  /// What was taken back now; empty when everything was already.
  package let revoked: [CertificateSummary]
}

extension CertificateAuthority {
  /// Takes back every certificate that was ever issued to `name` and has not expired, replaced ones
  /// included, and writes `ca.crl`. Doing it again is no error.
  package func revoke(name: String) throws(PKIError) -> Revocation {
    try Names.checkServer(name)
    return try self.revoke("\(name)") { self.isOurs($0, name: name) }
  }

  /// Takes back one certificate, by the serial number that `show` and `openssl x509 -serial` print.
  package func revoke(serial: String) throws(PKIError) -> Revocation {
    let wanted = serial.uppercased().filter { $0 != ":" }
    return try self.revoke("serial \(serial)") { $0.serial == wanted }
  }

  private func revoke(
    _ what: String, where matches: (Certificate) -> Bool
  ) throws(PKIError) -> Revocation {
    let folder = try Folder(opening: self.folder)
    try folder.lock()
    let now = self.clock.now()
    let found = try self.issuedCertificates(in: folder).filter(matches)
    guard !found.isEmpty else {
      throw PKIError(
        what: "revoke \(what) in", path: folder.location,
        reason: "no such certificate of this authority")
    }
    let loaded = try RevocationList.load(from: folder, signedBy: [self.certificate])
    let list: RevocationList
    if let loaded { list = loaded } else { list = try RevocationList(issuer: self.certificate) }
    let judge = Judge(authorities: [self.certificate], revocations: nil, now: now)
    var revoked: [CertificateSummary] = []
    for certificate in found where !list.contains(certificate) && certificate.notAfter >= now {
      try list.add(certificate, at: now)
      let path = folder.path(Ledger.fileName(certificate))
      revoked.append(judge.summary(of: certificate, name: certificate.commonName, path: path))
    }
    if loaded == nil || !revoked.isEmpty { try self.write(list, to: folder) }
    return Revocation(listPath: folder.path(FileName.revocations), revoked: revoked)
  }

  /// From `issued/`, and for folders that have lost it from the files beside `ca.crt`.
  private func issuedCertificates(in folder: borrowing Folder) throws(PKIError) -> [Certificate] {
    var all = try Ledger.certificates(of: self.certificate, in: folder)
    var serials = Set(all.map(\.serial))
    for file in try folder.names(endingIn: ".crt") where file != FileName.authority {
      guard let certificate = try? Certificate(file: file, in: folder),
        certificate.isSigned(by: self.certificate), serials.insert(certificate.serial).inserted
      else { continue }
      all.append(certificate)
    }
    return all
  }

  /// The list is good until the authority ends. A short life guards against somebody who feeds an
  /// old list over the network; ours lies beside the server, and one that ran out unnoticed would
  /// lock everybody out.
  private func write(_ list: RevocationList, to folder: borrowing Folder) throws(PKIError) {
    try list.sign(by: self.key, at: self.clock.now() - 300, until: self.notAfter)
    var batch = try FileBatch(in: folder)
    try batch.stage(FileName.revocations, mode: 0o644, try list.pem())
    try batch.publish(overwrite: true)
    try folder.sync()
  }
}
