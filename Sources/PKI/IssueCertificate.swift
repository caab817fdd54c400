/// What an action wrote, for the command to tell.
package struct IssuedCertificate: Sendable {
  package let summary: CertificateSummary
  package let certificatePath: String
  /// nil where no key was written: it stays with whoever sent the request, or as it was.
  package let keyPath: String?
  /// The certificate that was here before. It stays valid until its end or until it is revoked.
  package let replaced: CertificateSummary?
}

/// A certificate about to be written, with its key if we made that.
struct Leaf {
  let name: String
  let certificate: Certificate
  let key: Key?

  /// The copy in `issued/` first: no certificate of ours may ever be missing there.
  func stage(in batch: inout FileBatch) throws(PKIError) {
    let pem = try self.certificate.pem()
    try batch.stage(Ledger.fileName(self.certificate), mode: 0o644, pem)
    if let key { try batch.stage(FileName.key(self.name), mode: 0o600, try key.pem()) }
    try batch.stage(FileName.certificate(self.name), mode: 0o644, pem)
  }
}

extension CertificateAuthority {
  /// Certifies the user `name`. With the path of a certificate `request` the key stays where it is,
  /// and only `NAME.crt` is written.
  package func issueUser(
    name: String, roles: [String], days: Int = Lifetimes().user, algorithm: KeyAlgorithm? = nil,
    request: String? = nil, overwrite: Bool = false
  ) throws(PKIError) -> IssuedCertificate {
    try Names.checkUser(name)
    let roles = try Names.roles(roles)
    return try self.issue(name, algorithm, request, overwrite) { (key) throws(PKIError) in
      try self.sign(
        .user, name, roles: roles, names: [.uri(SPIFFEID.user(name, self.trustDomain))],
        days: days, subject: key)
    }
  }

  /// Certifies a server for `hosts`; none: `localhost`, the loopback addresses and this machine.
  package func issueServer(
    name: String = "server", hosts: [String] = [], days: Int = Lifetimes().server,
    algorithm: KeyAlgorithm? = nil, request: String? = nil, overwrite: Bool = false
  ) throws(PKIError) -> IssuedCertificate {
    try Names.checkLeaf(name, "server name")
    let names = try Self.subjectNames(hosts.isEmpty ? HostName.defaults() : hosts)
    return try self.issue(name, algorithm, request, overwrite) { (key) throws(PKIError) in
      try self.sign(.server, name, names: names, days: days, subject: key)
    }
  }

  /// The hosts without repetition.
  static func subjectNames(_ hosts: [String]) throws(PKIError) -> [SubjectName] {
    var names: [SubjectName] = []
    for host in hosts {
      let name = SubjectName.host(try HostName(host))
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// A key of the kind asked for, else of the authority's own kind.
  func newKey(_ algorithm: KeyAlgorithm?) throws(PKIError) -> Key {
    try (algorithm ?? self.key.algorithm ?? .p256).generate()
  }

  private func issue(
    _ name: String, _ algorithm: KeyAlgorithm?, _ request: String?, _ overwrite: Bool,
    _ sign: (Key) throws(PKIError) -> Certificate
  ) throws(PKIError) -> IssuedCertificate {
    let requested = try request.map { (path) throws(PKIError) in try CertificateRequest(file: path)
    }
    let folder = try CertificateFolder(opening: self.folder)
    try folder.lock()
    let files = [FileName.key(name), FileName.certificate(name)]
    for file in files where !overwrite && folder.exists(file) {
      throw .exists(folder.path(file))
    }
    let key: Key
    if let requested { key = requested.key } else { key = try self.newKey(algorithm) }
    if requested != nil { try self.refuseOtherKey(name, than: key, in: folder) }
    let leaf = Leaf(name: name, certificate: try sign(key), key: requested == nil ? key : nil)
    return try self.write(leaf, to: folder, overwrite: overwrite)
  }

  /// A request's certificate beside another key would make a pair that no client can load.
  private func refuseOtherKey(
    _ name: String, than key: Key, in folder: borrowing CertificateFolder
  ) throws(PKIError) {
    let file = FileName.key(name)
    guard folder.exists(file) else { return }
    let present = try Key(file: file, in: folder)
    guard present.equals(key) else {
      throw PKIError(
        what: "certify beside", path: folder.path(file),
        reason: "is another key than the request's, move it away first")
    }
  }

  func write(
    _ leaf: Leaf, to folder: borrowing CertificateFolder, overwrite: Bool
  ) throws(PKIError) -> IssuedCertificate {
    let file = FileName.certificate(leaf.name)
    // An unreadable old file is no reason to keep it when told to replace it.
    let old = folder.exists(file) ? try? Certificate(file: file, in: folder) : nil
    try folder.makeFolder(FileName.issued)
    var batch = try FileBatch(in: folder)
    try leaf.stage(in: &batch)
    try batch.publish(overwrite: overwrite)
    // For what is said of the old one; a list that cannot be read is no reason to issue nothing.
    let lists = (try? RevocationList.all(in: folder, signedBy: self.trusted)) ?? []
    return self.issued(leaf, replaced: old, revocations: lists)
  }

  func issued(
    _ leaf: Leaf, replaced: Certificate?, revocations: [RevocationList] = []
  ) -> IssuedCertificate {
    let judge = Judge(
      authorities: [self.certificate], revocations: revocations, now: self.clock.now())
    let base = self.folder.hasSuffix("/") ? self.folder : self.folder + "/"
    let path = base + FileName.certificate(leaf.name)
    return IssuedCertificate(
      summary: judge.summary(of: leaf.certificate, name: leaf.name, path: path),
      certificatePath: path,
      keyPath: leaf.key == nil ? nil : base + FileName.key(leaf.name),
      replaced: replaced.map { judge.summary(of: $0, name: leaf.name, path: path) })
  }
}
