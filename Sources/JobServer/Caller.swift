package import GRPCCore
package import GRPCNghttp2

/// Who calls, as the client's certificate says: the name in its SPIFFE ID and its roles; and what the
/// policy of that moment allows them.
///
/// Made once a call by `Gate`, which puts it where handlers find it.
package struct Caller: Sendable, ServerContext.TransportSpecific {
  package let name: String
  /// Those that the policy knows, without repetition; the certificate may hold others.
  package let roles: [String]
  package private(set) var policy: Policy
  package private(set) var rights: Rights
  /// The certificate that says so.
  package let certificate: PeerIdentity
  package let trustDomain: String
  /// Where what is decided about this call is said; nil: nowhere.
  package var decision: Decision?

  /// Reads a verified certificate's names: exactly one URI, `spiffe://TRUST-DOMAIN/user/NAME` with
  /// the server's own trust domain (SPIFFE-ID section 2), and the roles in O.
  package init(
    _ peer: PeerIdentity, trustDomain: String, policy: Policy
  ) throws(RPCError) {
    self.name = try Self.name(in: peer.uris, trustDomain: trustDomain)
    self.roles = policy.names.filter { peer.organizations.contains($0) }
    self.policy = policy
    self.rights = policy.rights(of: self.roles)
    self.certificate = peer
    self.trustDomain = trustDomain
    guard !self.roles.isEmpty else {
      let found = peer.organizations.isEmpty ? "none" : peer.organizations.joined(separator: ", ")
      throw RPCError(
        code: .permissionDenied,
        message: "the certificate of '\(self.name)' has no role that this server knows ("
          + "\(policy.names.joined(separator: ", "))), but \(found): have it issued with one")
    }
  }

  /// The same person by another policy.
  func under(_ policy: Policy) -> Caller {
    var caller = self
    caller.policy = policy
    caller.rights = policy.rights(of: self.certificate.organizations)
    return caller
  }

  /// Who somebody is that may be nobody: the name, or else what the certificate holds instead.
  static func label(_ peer: PeerIdentity, trustDomain: String) -> String {
    (try? Self.name(in: peer.uris, trustDomain: trustDomain)) ?? peer.uris.first
      ?? peer.commonName ?? ""
  }

  private static func name(in uris: [String], trustDomain: String) throws(RPCError) -> String {
    let form = "spiffe://\(trustDomain)/user/NAME"
    guard let uri = uris.first, uris.count == 1 else {
      throw Self.unauthenticated("must hold exactly one URI, \(form), got \(uris.count)")
    }
    let prefix = form.dropLast("NAME".count)
    let name = uri.dropFirst(prefix.count)
    guard uri.hasPrefix(prefix), Self.isValid(name) else {
      throw Self.unauthenticated("must hold the URI \(form), got \(uri)")
    }
    return String(name)
  }

  /// As issued by ours: letters, digits, `.`, `_`, `-`, and nothing that looks like a flag or a path.
  private static func isValid(_ name: Substring) -> Bool {
    (1...63).contains(name.utf8.count) && name.first != "." && name.first != "-"
      && name.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
      }
  }

  private static func unauthenticated(_ reason: String) -> RPCError {
    RPCError(code: .unauthenticated, message: "the client's certificate \(reason)")
  }
}

extension ServerContext {
  /// Who calls; there is always one behind `Gate`.
  var caller: Caller {
    get throws(RPCError) {
      guard let caller = self.transportSpecific as? Caller else {
        throw RPCError(code: .unauthenticated, message: "the call came without an identity")
      }
      return caller
    }
  }
}
