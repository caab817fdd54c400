/// The files that make one side of mutual TLS: whom it trusts, and who it is.
package struct TLSConfiguration: Hashable, Sendable {
  /// Certificates (PEM) of the authorities that a peer's chain must end in.
  package var trustRoots: String
  /// The own certificate (PEM), followed by its intermediates if it has some.
  package var certificateChain: String
  /// The own private key (PEM, not encrypted), readable by its owner only.
  package var privateKey: String
  /// Revoked certificates (PEM) of the authority; nil checks no revocation.
  package var revocationList: String?

  package init(
    trustRoots: String, certificateChain: String, privateKey: String,
    revocationList: String? = nil
  ) {
    self.trustRoots = trustRoots
    self.certificateChain = certificateChain
    self.privateKey = privateKey
    self.revocationList = revocationList
  }
}

/// A file of a `TLSConfiguration` that cannot be used, or a setting that OpenSSL refused.
package struct TLSConfigurationError: Error, Hashable, CustomStringConvertible {
  /// The path, or the name of the setting.
  package let subject: String
  package let reason: String

  package var description: String { "\(self.subject): \(self.reason)" }
}
