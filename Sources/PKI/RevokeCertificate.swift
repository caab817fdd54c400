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
    try Names.checkLeaf(name)
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
    let folder = try CertificateFolder(opening: self.folder)
    try folder.lock()
    let now = self.clock.now()
    let found = try self.issuedCertificates(in: folder).filter(matches)
    guard !found.isEmpty else {
      throw PKIError(
        what: "revoke \(what) in", path: folder.location,
        reason: "no such certificate of this authority")
    }
    var lists = try RevocationList.all(in: folder, signedBy: self.trusted)
    let own = lists.firstIndex { $0.isSigned(by: self.certificate) }
    let list: RevocationList
    if let own { list = lists[own] } else { list = try RevocationList(issuer: self.certificate) }
    if own == nil { lists.append(list) }
    let judge = Judge(authorities: [self.certificate], revocations: lists, now: now)
    var revoked: [CertificateSummary] = []
    for certificate in found where !list.contains(certificate) && certificate.notAfter >= now {
      try list.add(certificate, at: now)
      let path = folder.path(Ledger.fileName(certificate))
      revoked.append(judge.summary(of: certificate, name: certificate.commonName, path: path))
    }
    if own == nil || !revoked.isEmpty {
      // Good until the authority ends. A short life guards against somebody who feeds an old list
      // over the network; ours lies beside the server, and one that ran out unnoticed would lock
      // everybody out.
      try list.sign(by: self.key, at: now - 300, until: self.notAfter)
      try self.write(lists, to: folder)
    }
    return Revocation(listPath: folder.path(FileName.revocations), revoked: revoked)
  }

  /// From `issued/`, and for folders that have lost it from the files beside `ca.crt`.
  private func issuedCertificates(in folder: borrowing CertificateFolder) throws(PKIError)
    -> [Certificate]
  {
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

  private func write(
    _ lists: [RevocationList], to folder: borrowing CertificateFolder
  ) throws(PKIError) {
    var batch = try FileBatch(in: folder)
    try batch.stage(FileName.revocations, mode: 0o644, try RevocationList.pem(lists))
    try batch.publish(overwrite: true)
  }
}
