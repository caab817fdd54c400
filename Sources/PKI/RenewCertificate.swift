extension CertificateAuthority {
  /// Makes a new certificate for the same name, roles and hosts as `NAME.crt`, which may have
  /// expired but not have been revoked. `days` nil: what is usual for its kind.
  ///
  /// The key stays unless `newKey`: then one file changes, at once, and a server that reloads the
  /// pair can never see halves of two; and it works for keys that are not here.
  package func renew(
    name: String, days: Int? = nil, newKey: Bool = false
  ) throws(PKIError) -> IssuedCertificate {
    try Names.checkLeaf(name)
    let folder = try CertificateFolder(opening: self.folder)
    try folder.lock()
    let old = try self.renewable(name, in: folder)
    let key = newKey ? try self.newKey(try old.key().algorithm) : try old.key()
    let certificate: Certificate
    if old.isForServers {
      certificate = try self.sign(
        .server, name, names: old.hosts.map(SubjectName.host), days: days ?? Lifetimes().server,
        subject: key)
    } else {
      certificate = try self.sign(
        .user, name, roles: old.organizations,
        names: [.uri(SPIFFEID.user(name, self.trustDomain))], days: days ?? Lifetimes().user,
        subject: key)
    }
    let leaf = Leaf(name: name, certificate: certificate, key: newKey ? key : nil)
    return try self.write(leaf, to: folder, overwrite: true)
  }

  /// The certificate in `NAME.crt`, if it is one that this authority gave to that very name: what it
  /// says is about to be signed again.
  private func renewable(_ name: String, in folder: borrowing CertificateFolder) throws(PKIError)
    -> Certificate
  {
    let file = FileName.certificate(name)
    let path = folder.path(file)
    guard folder.exists(file) else {
      throw PKIError(what: "renew", path: path, reason: "is not there: worker pki issue makes one")
    }
    let old = try Certificate(file: file, in: folder)
    guard old.isSigned(by: self.certificate) else {
      throw PKIError(what: "renew", path: path, reason: "was not signed by this authority")
    }
    guard self.isOurs(old, name: name) else {
      throw PKIError(what: "renew", path: path, reason: "was not issued to \(name)")
    }
    let revocations = try RevocationList.all(in: folder, signedBy: self.trusted)
    if revocations.contains(where: { $0.contains(old) }) {
      throw PKIError(
        what: "renew", path: path, reason: "is revoked; issue \(name) anew, with --force")
    }
    let keyFile = FileName.key(name)
    if folder.exists(keyFile), !old.matches(try Key(file: keyFile, in: folder)) {
      throw PKIError(
        what: "renew", path: path,
        reason: "does not fit \(folder.path(keyFile)); issue \(name) anew, with --force")
    }
    return old
  }

  /// Whether `certificate` is a leaf that we would have issued to `name`.
  func isOurs(_ certificate: Certificate, name: String) -> Bool {
    if certificate.isAuthority { return false }
    if certificate.isForServers { return certificate.commonName == name }
    return certificate.uris == [SPIFFEID.user(name, self.trustDomain)]
  }
}
