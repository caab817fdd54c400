import COpenSSL
import Testing

@testable import PKI

/// The structure of certificates, read back from the files through OpenSSL.
@Suite struct CertificateTests {
  @Test(arguments: KeyAlgorithm.allCases)
  func everyCertificateIsOfTheAlgorithmAskedFor(algorithm: KeyAlgorithm) throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder, algorithm: algorithm)
    for name in ["ca", "server", "admin"] {
      #expect(try load("\(name).crt", in: folder).key().algorithm == algorithm)
    }
  }

  @Test func theAuthoritySignsLeavesOnly() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    let ca = try load("ca.crt", in: folder)
    #expect(ca.isAuthority)
    #expect(X509_get_pathlen(ca.pointer) == 0)
    #expect(X509_get_key_usage(ca.pointer) == UInt32(KU_KEY_CERT_SIGN | KU_CRL_SIGN))
    #expect(isCritical(NID_basic_constraints, in: ca))
    #expect(isCritical(NID_key_usage, in: ca))
    #expect(ca.uris == ["spiffe://worker.local"])
    #expect(ca.isSigned(by: ca))
    #expect(!ca.isForClients && !ca.isForServers)
  }

  @Test(arguments: [("admin.crt", XKU_SSL_CLIENT), ("server.crt", XKU_SSL_SERVER)])
  func aLeafHasOneUse(file: String, usage: CInt) throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    let leaf = try load(file, in: folder)
    #expect(!leaf.isAuthority)
    #expect(X509_get_version(leaf.pointer) == 2)
    #expect(X509_get_key_usage(leaf.pointer) == UInt32(KU_DIGITAL_SIGNATURE))
    #expect(X509_get_extended_key_usage(leaf.pointer) == UInt32(usage))
    #expect(isCritical(NID_basic_constraints, in: leaf))
    #expect(isCritical(NID_key_usage, in: leaf))
    #expect(leaf.isSigned(by: try load("ca.crt", in: folder)))
  }

  @Test func keyIdentifiersChain() throws {
    let folder = try TemporaryFolder()
    try makeAuthority(in: folder)
    let ca = try load("ca.crt", in: folder)
    let leaf = try load("admin.crt", in: folder)
    let authority = try #require(X509_get0_subject_key_id(ca.pointer))
    #expect(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.pointer), authority) == 0)
    #expect(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(ca.pointer), authority) == 0)
    #expect(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(leaf.pointer), authority) != 0)
  }

  @Test func aUserIsItsURIAndItsRoles() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("certs")
    _ = try CertificateAuthority.initialize(folder: path, trustDomain: "example.org")
    let ca = try CertificateAuthority(folder: path)
    #expect(ca.trustDomain == "example.org")
    let issued = try ca.issueUser(name: "alice.b", roles: ["user", "build-1", "user"])
    let leaf = try load("alice.b.crt", in: folder)
    #expect(leaf.names == [.uri("spiffe://example.org/user/alice.b")])
    #expect(leaf.organizations == ["user", "build-1"])
    #expect(leaf.commonName == "alice.b")
    #expect(issued.summary.identity == "spiffe://example.org/user/alice.b")
    #expect(issued.summary.roles == ["user", "build-1"])
    #expect(issued.summary.kind == .user)
    #expect(issued.summary.state == .valid)
    #expect(issued.summary.serial == leaf.serial)
  }

  @Test func aServerIsItsNamesAndAddresses() throws {
    let folder = try TemporaryFolder()
    let ca = try makeAuthority(in: folder)
    let hosts = [
      "Node1.Example.ORG", "10.1.2.3", "[2001:DB8::1]", "*.jobs.example.org", "10.1.2.3",
    ]
    _ = try ca.issueServer(name: "node1", hosts: hosts)
    let leaf = try load("node1.crt", in: folder)
    #expect(
      leaf.hosts == [
        .dns("node1.example.org"), .address([10, 1, 2, 3]),
        .address([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        .dns("*.jobs.example.org"),
      ])
    #expect(leaf.uris.isEmpty)
    #expect(leaf.organizations.isEmpty)
    #expect(X509_check_host(leaf.pointer, "node1.example.org", 0, 0, nil) == 1)
    #expect(X509_check_host(leaf.pointer, "node2.example.org", 0, 0, nil) == 0)
    #expect(X509_check_ip_asc(leaf.pointer, "2001:db8::1", 0) == 1)
    #expect(X509_check_ip_asc(leaf.pointer, "10.1.2.4", 0) == 0)
  }

  @Test func theFirstServerHasTheUsualNamesAndThoseAskedFor() throws {
    let folder = try TemporaryFolder()
    _ = try CertificateAuthority.initialize(
      folder: folder.file("certs"), hosts: ["worker.example.org"])
    let hosts = try load("server.crt", in: folder).hosts.map(\.text)
    for host in ["localhost", "127.0.0.1", "::1", "worker.example.org"] {
      #expect(hosts.contains(host))
    }
  }

  @Test func aThousandSerialNumbersArePositiveAndDifferent() throws {
    let key = try KeyAlgorithm.p256.generate()
    var serials: Set<String> = []
    for _ in 0..<1000 {
      let template = CertificateTemplate(
        usage: .authority, commonName: "ca", names: [.uri("spiffe://a")], notBefore: 0, notAfter: 1)
      let certificate = try template.signed(subject: key, issuer: nil, key: key)
      let number = try #require(X509_get0_serialNumber(certificate.pointer))
      #expect(number.pointee.type == V_ASN1_INTEGER)  // V_ASN1_NEG_INTEGER otherwise
      #expect((1...16).contains(number.pointee.length))
      serials.insert(certificate.serial)
    }
    #expect(serials.count == 1000)
  }

  private func isCritical(_ nid: CInt, in certificate: Certificate) -> Bool {
    let index = X509_get_ext_by_NID(certificate.pointer, nid, -1)
    guard index >= 0 else { return false }
    return X509_EXTENSION_get_critical(X509_get_ext(certificate.pointer, index)) == 1
  }
}
