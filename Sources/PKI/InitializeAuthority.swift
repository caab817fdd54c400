import Linux

extension CertificateAuthority {
  /// Makes a folder complete: the authority, the certificate `server` for `hosts` besides this
  /// machine's usual names, and the user `administrator` (nil: none) with the role `admin`.
  ///
  /// Everything is made in memory and checked before the first byte is written. Without `overwrite`
  /// nothing that it would write may exist; with it, an old authority's revocations go away.
  package static func initialize(
    folder location: String, trustDomain: String = defaultTrustDomain, hosts: [String] = [],
    administrator: String? = "admin", algorithm: KeyAlgorithm = .p256,
    lifetimes: Lifetimes = Lifetimes(), overwrite: Bool = false, clock: PKIClock = .system
  ) throws(PKIError) -> [IssuedCertificate] {
    try Names.checkTrustDomain(trustDomain)
    let authority = try Self.make(location, trustDomain, algorithm, lifetimes, clock)
    var leaves = [try authority.makeServer("server", HostName.defaults() + hosts, lifetimes)]
    if let administrator {
      leaves.append(try authority.makeUser(administrator, roles: ["admin"], lifetimes))
    }
    let folder = try CertificateFolder.make(location)
    try folder.lock()
    let root = Leaf(name: "ca", certificate: authority.certificate, key: authority.key)
    try Self.refuseExisting([root] + leaves, in: folder, unless: overwrite)
    return try authority.write(root, leaves, to: folder, overwrite: overwrite)
  }

  private static func make(
    _ location: String, _ trustDomain: String, _ algorithm: KeyAlgorithm, _ lifetimes: Lifetimes,
    _ clock: PKIClock
  ) throws(PKIError) -> CertificateAuthority {
    let key = try algorithm.generate()
    let validity = try Validity(days: lifetimes.authority, from: clock.now())
    let serial = Random.bytes(16)
    let template = CertificateTemplate(
      // Part of the serial: in a rotation two authorities live side by side, and whoever builds a
      // chain looks for the issuer by this name first.
      usage: .authority, commonName: "worker CA \(hexadecimal(serial.prefix(4)))",
      names: [.uri(SPIFFEID.authority(trustDomain))], notBefore: validity.notBefore,
      notAfter: validity.notAfter, serial: serial)
    let certificate = try template.signed(subject: key, issuer: nil, key: key)
    return CertificateAuthority(
      folder: location, trustDomain: trustDomain, certificate: certificate, trusted: [certificate],
      key: key, clock: clock)
  }

  private func makeServer(
    _ name: String, _ hosts: [String], _ lifetimes: Lifetimes
  ) throws(PKIError) -> Leaf {
    let key = try self.newKey(nil)
    let certificate = try self.sign(
      .server, name, names: try Self.subjectNames(hosts), days: lifetimes.server, subject: key)
    return Leaf(name: name, certificate: certificate, key: key)
  }

  private func makeUser(
    _ name: String, roles: [String], _ lifetimes: Lifetimes
  ) throws(PKIError) -> Leaf {
    try Names.checkUser(name)
    let key = try self.newKey(nil)
    let certificate = try self.sign(
      .user, name, roles: roles, names: [.uri(SPIFFEID.user(name, self.trustDomain))],
      days: lifetimes.user, subject: key)
    return Leaf(name: name, certificate: certificate, key: key)
  }

  /// An authority's list of revocations counts as something that exists, too: beside a new
  /// authority it would be a foreign one, and servers refuse that.
  private static func refuseExisting(
    _ leaves: [Leaf], in folder: borrowing CertificateFolder, unless overwrite: Bool
  ) throws(PKIError) {
    guard !overwrite else { return }
    if folder.exists(FileName.authorityKey), !folder.exists(FileName.authority) {
      throw PKIError(
        what: "create", path: folder.path(FileName.authorityKey),
        reason: "exists without \(FileName.authority), so an earlier init was cut short;"
          + " pass --force to start over")
    }
    let names = leaves.flatMap { [FileName.key($0.name), FileName.certificate($0.name)] }
    for name in names + [FileName.revocations] where folder.exists(name) {
      throw .exists(folder.path(name))
    }
  }

  private func write(
    _ root: Leaf, _ leaves: [Leaf], to folder: borrowing CertificateFolder, overwrite: Bool
  ) throws(PKIError) -> [IssuedCertificate] {
    try folder.makeFolder(FileName.issued)
    var batch = try FileBatch(in: folder)
    // ca.key first and ca.crt last, so that an init cut short is recognized by the next one.
    try batch.stage(FileName.authorityKey, mode: 0o600, try self.key.pem())
    for leaf in leaves { try leaf.stage(in: &batch) }
    try batch.stage(FileName.authority, mode: 0o644, try root.certificate.pem())
    try batch.publish(overwrite: overwrite)
    // Last: cut short before, a foreign list lies there, which is refused; the other way round the
    // old authority would be left without its list.
    if overwrite { try folder.remove(FileName.revocations) }
    return ([root] + leaves).map { self.issued($0, replaced: nil) }
  }
}
