import COpenSSL
import Glibc

/// Whom one side trusts: the authorities of a file, in a rotation several, and what they took back.
enum TrustFiles {
  /// Puts both into `store`.
  static func load(
    _ configuration: TLSConfiguration, into store: OpaquePointer?
  ) throws(TLSConfigurationError) -> Trust {
    let authorities = try self.authorities(configuration.trustRoots)
    defer { for authority in authorities { X509_free(authority) } }
    for authority in authorities { X509_STORE_add_cert(store, authority) }
    var trust = Trust(authorities: Set(authorities.map(self.key(of:))))
    guard let path = configuration.revocationList else { return trust }
    let lists = try self.lists(path)
    defer { for list in lists { X509_CRL_free(list) } }
    for list in lists {
      guard let issuer = authorities.first(where: { self.isSigned(list, by: $0) }) else {
        throw TLSConfigurationError(
          subject: path,
          reason:
            "is signed by no authority in \(configuration.trustRoots), and would revoke nothing"
        )
      }
      X509_STORE_add_crl(store, list)
      trust.add(self.span(of: list), of: self.key(of: issuer))
    }
    // Of the peer's own certificate: a list of one authority says nothing of intermediates.
    X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK))
    return trust
  }

  private static func authorities(
    _ path: String
  ) throws(TLSConfigurationError) -> [OpaquePointer] {
    try self.all(path, "certificate", free: { X509_free($0) }) {
      PEM_read_bio_X509($0, nil, { _, _, _, _ in -1 }, nil)
    }
  }

  private static func lists(_ path: String) throws(TLSConfigurationError) -> [OpaquePointer] {
    try self.all(path, "revocation list", free: { X509_CRL_free($0) }) {
      PEM_read_bio_X509_CRL($0, nil, { _, _, _, _ in -1 }, nil)
    }
  }

  /// At least one, and nothing damaged between them.
  private static func all(
    _ path: String, _ kind: String, free: (OpaquePointer) -> Void,
    _ read: (OpaquePointer?) -> OpaquePointer?
  ) throws(TLSConfigurationError) -> [OpaquePointer] {
    let pem = try PEMFile.read(path)
    OpenSSL.clearErrors()
    let (found, error) = pem.withUnsafeBytes { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, CInt(bytes.count))
      defer { BIO_free(bio) }
      var found: [OpaquePointer] = []
      while let next = read(bio) { found.append(next) }
      return (found, OpenSSL.takeError())
    }
    let isEnd = ERR_GET_REASON(error) == PEM_R_NO_START_LINE
    guard isEnd, !found.isEmpty else {
      found.forEach(free)
      throw TLSConfigurationError(
        subject: path, reason: "holds no usable \(kind): \(OpenSSL.text(error))")
    }
    return found
  }

  private static func isSigned(_ list: OpaquePointer, by authority: OpaquePointer) -> Bool {
    defer { OpenSSL.clearErrors() }
    let names = (X509_CRL_get_issuer(list), X509_get_subject_name(authority))
    return X509_NAME_cmp(names.0, names.1) == 0
      && X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1
  }

  /// A list that names no end has none, RFC 5280 section 5.1.2.5 notwithstanding.
  private static func span(of list: OpaquePointer) -> Trust.Span {
    let end = X509_CRL_get0_nextUpdate(list).map { PeerIdentity.seconds($0) } ?? .max
    return Trust.Span(made: PeerIdentity.seconds(X509_CRL_get0_lastUpdate(list)), end: end)
  }

  /// Its name for people, and the digest of its key: in a rotation two may have one name.
  private static func key(of authority: OpaquePointer) -> Trust.Authority {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    X509_pubkey_digest(authority, EVP_sha256(), &digest, &count)
    let name = X509_NAME_oneline(X509_get_subject_name(authority), nil, 0)
    defer { copenssl_free(name) }
    return Trust.Authority(
      key: Array(digest.prefix(Int(count))), name: name.map { String(cString: $0) } ?? "?")
  }
}

/// Which authorities are trusted, and what there is of their revocation lists.
package struct Trust: Hashable, Sendable {
  package struct Authority: Hashable, Sendable {
    let key: [UInt8]
    package let name: String
  }

  /// In seconds since 1970.
  package struct Span: Hashable, Sendable {
    package var made: Int64
    package var end: Int64
  }

  package let authorities: Set<Authority>
  /// Of several lists of one authority the newest beginning and the first end.
  package private(set) var lists: [Authority: Span] = [:]

  init(authorities: Set<Authority>) { self.authorities = authorities }

  mutating func add(_ span: Span, of authority: Authority) {
    let known = self.lists[authority] ?? span
    self.lists[authority] = Span(
      made: max(known.made, span.made), end: min(known.end, span.end))
  }

  /// When the first of the lists runs out.
  package var end: Int64? { self.lists.values.map(\.end).min() }

  /// Why somebody who is kept out under `old` might be let in again; nil for no such reason.
  package func loss(since old: Trust) -> String? {
    for (authority, span) in old.lists where self.authorities.contains(authority) {
      guard let now = self.lists[authority] else {
        return "there is no revocation list of '\(authority.name)' any more, which is trusted still"
      }
      if now.made < span.made {
        return "the revocation list of '\(authority.name)' is older than the one in use"
      }
    }
    return nil
  }
}

/// Until when the files of a context are good, in seconds since 1970.
package struct TLSValidity: Hashable, Sendable {
  /// Of the own certificate.
  package let notBefore: Int64
  package let notAfter: Int64
  package let trust: Trust
  /// Why every client that trusts the same authorities would refuse a server's certificate; nil: none would.
  package var ownProblem: String?

  /// When the first revocation list runs out, after which nobody of its authority is let in.
  package var revocationsEnd: Int64? { self.trust.end }

  /// Whether a person should be told to renew the certificate: less than a third of its life, and less
  /// than 30 days, are left.
  package func isEnding(at now: Int64) -> Bool {
    now >= self.warningTime
  }

  package var warningTime: Int64 { Self.warningTime(self.notBefore, self.notAfter) }

  /// The authorities whose revocation lists a person should be told to renew, by the same rule, each with
  /// its list's end.
  package func endingLists(at now: Int64) -> [(name: String, end: Int64)] {
    self.trust.lists.filter { now >= Self.warningTime($0.value.made, $0.value.end) }
      .map { ($0.key.name, $0.value.end) }.sorted { $0 < $1 }
  }

  /// When there is next something to be told that is not told by now; nil: nothing more.
  package func nextWarning(after now: Int64) -> Int64? {
    let lists = self.trust.lists.values.map { Self.warningTime($0.made, $0.end) }
    return ([self.warningTime] + lists).filter { $0 > now }.min()
  }

  private static func warningTime(_ start: Int64, _ end: Int64) -> Int64 {
    guard end < .max else { return .max }
    return end - min(max(end - start, 0) / 3, 30 * 86_400)
  }
}
