import GRPCNghttp2
import Glibc
import Linux
import PKI

/// Finds the certificate folder where none was named.
struct CertificateSearch {
  private let environment: Environment

  init(_ environment: Environment) { self.environment = environment }

  /// A named folder as it is; else the first of the usual places that holds a client's identity.
  func client(_ named: String?) throws(Failure) -> CertificateFiles {
    if let named { return try CertificateFiles(named) }
    return try Self.search(self.places) {
      !$0.identities.isEmpty
    } orElse: { searched in
      "no client certificate in \(searched): make one with worker pki init certs, or name the folder "
        + "with --certs"
    }
  }

  /// A named folder; else the first of the usual places that holds a server's certificate.
  func server(_ named: String?) throws(Failure) -> CertificateFiles {
    if let named { return try CertificateFiles(named) }
    return try Self.search(["certs", "/etc/worker"]) {
      $0.has("server.crt")
    } orElse: { searched in
      "no server.crt in \(searched): make it with worker pki init certs, or name the folder with "
        + "--certs"
    }
  }

  private static func search(
    _ places: [String], for fits: (CertificateFiles) -> Bool, orElse missing: (String) -> String
  ) throws(Failure) -> CertificateFiles {
    var searched: [String] = []
    for place in places {
      do throws(SystemError) {
        let folder = try CertificateFiles(reading: place)
        if fits(folder) { return folder }
        searched.append(place)
      } catch {
        switch error.errno {
        case ENOENT, ENOTDIR: searched.append(place)
        // Somebody else's; our own may be the next.
        case EACCES: searched.append("\(place) (\(error.reason))")
        default: throw CertificateFiles.unreadable(place, error)
        }
      }
    }
    throw Failure(missing(searched.joined(separator: ", ")))
  }

  private var places: [String] {
    ["certs"] + (self.environment["HOME"].map { ["\($0)/.config/worker"] } ?? []) + ["/etc/worker"]
  }
}

/// What lies in a certificate folder, by its files' names.
struct CertificateFiles: Sendable {
  let path: String
  private let names: Set<String>

  init(_ path: String) throws(Failure) {
    do throws(SystemError) { try self.init(reading: path) } catch {
      throw Self.unreadable(path, error)
    }
  }

  fileprivate init(reading path: String) throws(SystemError) {
    self.path = path
    self.names = Set(try Folder.names(in: File.openFolder(path)))
  }

  fileprivate static func unreadable(_ path: String, _ error: SystemError) -> Failure {
    let remedy = error.errno == ENOENT ? "; make one with worker pki init" : ""
    return Failure("cannot read the certificate folder \(path): \(error.reason)\(remedy)")
  }

  func has(_ name: String) -> Bool { self.names.contains(name) }

  /// The names of the pairs in it that are neither the authority's nor the server's, sorted.
  var identities: [String] {
    self.names.filter { $0.hasSuffix(".crt") && !$0.hasPrefix(".") }
      .map { String($0.dropLast(".crt".count)) }
      .filter { $0 != "ca" && $0 != "server" && self.has("\($0).key") }
      .sorted()
  }

  /// The one asked for, or the only one.
  func identity(_ wanted: String?) throws(Failure) -> String {
    if let wanted {
      if self.has("\(wanted).crt") { return wanted }
      throw Failure("no identity '\(wanted)' in \(self.path): \(self.list(self.users))")
    }
    let found = self.identities.count > 1 ? self.users : self.identities
    if let only = found.first, found.count == 1 { return only }
    guard !found.isEmpty else {
      throw Failure(
        "no client certificate in \(self.path): make one with worker pki issue NAME --role user")
    }
    throw Failure(
      "\(self.path) holds several identities: \(found.joined(separator: ", ")); choose one with "
        + "--identity or WORKER_IDENTITY")
  }

  /// Read from the certificates: servers may have other names than `server`. Only where it matters,
  /// as it takes time.
  private var users: [String] {
    let all = (try? summaries(folder: self.path)) ?? []
    let servers = Set(all.filter { $0.kind == .server }.map(\.name))
    return self.identities.filter { !servers.contains($0) }
  }

  private func list(_ names: [String]) -> String {
    names.isEmpty ? "it holds none" : "it holds \(names.joined(separator: ", "))"
  }

  /// All that a server may read, there or not.
  var serverPaths: [String] {
    ["ca.crt", "ca.crl", "server.crt", "server.key"].map(self.file)
  }

  /// Where keys lie that links in the folder lead to, as hosts with one store for all keys have them.
  var linkedKeys: [String] {
    guard let folder = try? File.realPath(self.path) else { return [] }
    return self.names.filter { $0.hasSuffix(".key") }.sorted()
      .compactMap { try? File.realPath(self.file($0)) }.filter { !$0.hasPrefix(folder + "/") }
  }

  /// What no job may see, without links.
  var secretPlaces: [String] {
    ((try? File.realPath(self.path)).map { [$0] } ?? []) + self.linkedKeys
  }

  private static func remedy(_ name: String, _ identity: String) -> String {
    if name == "ca.crt" { return "copy it from where worker pki init made it" }
    let make =
      identity == "server"
      ? "worker pki issue server --server" : "worker pki issue \(identity) --role user"
    return "copy it from where it was made, or make a pair with \(make)"
  }

  func tls(_ identity: String) throws(Failure) -> TLSConfiguration {
    for name in ["ca.crt", "\(identity).crt", "\(identity).key"] where !self.has(name) {
      throw Failure("no \(name) in \(self.path): \(Self.remedy(name, identity))")
    }
    return TLSConfiguration(
      trustRoots: self.file("ca.crt"), certificateChain: self.file("\(identity).crt"),
      privateKey: self.file("\(identity).key"),
      revocationList: self.has("ca.crl") ? self.file("ca.crl") : nil)
  }

  /// The trust domain of the authority: identities of any other are nobody here.
  func trustDomain() throws -> String {
    let authority = try summaries(folder: self.path).first { $0.kind == .authority }
    let prefix = "spiffe://"
    guard let identity = authority?.identity, identity.hasPrefix(prefix) else {
      throw Failure("\(self.file("ca.crt")) names no trust domain (URI spiffe://DOMAIN)")
    }
    return String(identity.dropFirst(prefix.count))
  }

  private func file(_ name: String) -> String {
    self.path.hasSuffix("/") ? self.path + name : "\(self.path)/\(name)"
  }
}
